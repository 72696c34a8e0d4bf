"""Why a result row was not taken, and what its values are called."""

from __future__ import annotations

from flask_babel import gettext as _

from heyan.decisions.models import Outcome
from heyan.decisions.results import MAX_BYTES, MAX_ROWS


def problem_in_words(code: str) -> str:
    """Return why a row was not taken and what helps."""
    words: dict[str, str] = {
        "unreadable_id": _("document_id 或 sha256 读不出来。请从模板复制这两列，不要改动。"),
        "unanswered": _("没有填结果，这一份保持未核验。"),
        "unknown_outcome": _("outcome 应为 accepted（通过）或 returned（退回）。"),
        "unknown_reason": _("退回的 reason_code 不在说明页的列表里。"),
        "reason_missing": _("reason_code 为 other 时，请在 reason_text 写明学员该怎么做。"),
        "duplicate": _("同一份材料出现了两次，内容相同，只取前一行。"),
        "contradiction": _("同一份材料出现了两次，结果不同，只取前一行，请核对。"),
        "unknown": _("这一批里没有这份材料。"),
        "stale": _("这份材料已被学员替换或撤回，这一行对应的是旧的一份。"),
        "decided": _("这份材料的结果已经公布，不能再改。"),
        "conflict": _("与已保存的核验不一致。勾选“以文件为准”后会改用这一行。"),
    }
    return words.get(code, str(_("这一行读不出来。")))


def refusal_in_words(code: str) -> str:
    """Return why a file as a whole was not read."""
    words: dict[str, str] = {
        "too_large": _(
            "文件太大：最大 %(size)s MB。请删去不需要的列，或分成几个文件。",
            size=MAX_BYTES // 1024**2,
        ),
        "too_many_rows": _("行数太多：最多 %(rows)s 行。请分成几个文件。", rows=f"{MAX_ROWS:,}"),
        "not_a_table": _("读不出表格。请用 CSV（UTF-8 或 GB 18030）或 XLSX，不要带宏。"),
        "missing_columns": _("第一行缺少列名：document_id、sha256、outcome。请从模板开始填。"),
    }
    return words.get(code, str(_("这个文件读不出来。")))


def outcome_in_words(outcome: Outcome) -> str:
    """Return what an outcome is called."""
    return str(_("通过") if outcome is Outcome.ACCEPTED else _("退回"))
