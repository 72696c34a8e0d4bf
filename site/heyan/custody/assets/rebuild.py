"""Rebuild the mark's font from Debian's ``fonts-noto-cjk`` (needs fonttools, not at run time).

    python site/heyan/custody/assets/rebuild.py NotoSansCJK-Regular.ttc

A fresh machine has no Chinese font, and a mark of empty boxes protects nobody. What is kept: every
character of GBK (so also the rarer ones in people's and schools' names, and the traditional
forms), some of the Table of General Standard Chinese Characters beyond it, ASCII, punctuation.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

SIMPLIFIED = 2  # the face of the collection drawn for mainland China
# Characters of the Table of General Standard Chinese Characters that GBK lacks.
BEYOND = (
    "䶮㛃㛚㟃㠇㤘㥄㧑㧟㬊㬎㬚㭎㮾㰀㳇㳘㳚㴔㵐㶲㸆㸌㺄㻬㽏㿠䁖䂮䃅"
    "䃎䅟䌹䎃䎖䏝䏡䏲䐃䓖䓛䓨䓫䓬䗖䗛䗪䗴䜣䝙䢺䢼䣘䥽䦃䲟䲠䲢䴓䴔"
    "䴕䴖䴗䴘䴙"
)
PUNCTUATION = "·•—–…“”‘’「」『』《》〈〉（）【】，。、；：？！～％＋－／＆＠＃＊＝　°×№〇"


def characters() -> set[int]:
    """Return the code points that are kept."""
    kept = set(range(0x20, 0x7F)) | set(range(0xA0, 0x100)) | set(range(0xFF01, 0xFF5F))
    for high in range(0x81, 0xFF):
        for low in range(0x40, 0xFF):
            try:
                kept.add(ord(bytes((high, low)).decode("gbk")))
            except UnicodeDecodeError:
                continue
    return kept | {ord(one) for one in BEYOND + PUNCTUATION}


def main() -> None:
    """Write the font beside this file."""
    options = subset.Options()
    options.layout_features = []
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.hinting = False
    options.desubroutinize = False
    options.drop_tables += ["BASE", "GPOS", "GSUB", "VORG", "vhea", "vmtx", "DSIG", "GDEF"]
    font = TTFont(sys.argv[1], fontNumber=SIMPLIFIED)
    worker = subset.Subsetter(options)
    worker.populate(unicodes=characters())
    worker.subset(font)
    font.save(Path(__file__).with_name("NotoSansSC-mark.otf"))


if __name__ == "__main__":
    main()
