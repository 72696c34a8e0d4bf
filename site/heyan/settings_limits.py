"""The numbers of the site: how large, how many, how long (the table is CONTROLS section 5).

Each is a setting of its own, named by the field in capitals (``max_upload_bytes`` is
``MAX_UPLOAD_BYTES``). The arguments are default, unit, what is limited, and the rule it comes
from; *low* and *high* bound what an operator may choose.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from heyan.environment import setting, whole

MIB = 1024 * 1024


def limit(
    default: int, unit: str, doc: str, rule: str = "", *, low: int = 1, high: int | None = None
) -> Any:
    """Declare a whole number; see the module's first lines."""
    return setting(None, doc, read=whole(low, high), default=default, unit=unit, source=rule)


@dataclass(frozen=True, kw_only=True)
class CustodyLimits:
    """Batches and destruction: known to web (which tells people) and worker (which acts)."""

    release_max_documents: int = limit(2000, "", "documents in one batch")
    release_max_bytes: int = limit(1024 * MIB, "bytes", "size of one batch", low=MIB)
    release_before_deadline_hours: int = limit(
        24, "hours", "a last batch goes out this long before the event's deadline for decisions"
    )
    release_open_days: int = limit(30, "days", "a batch can be fetched", "links", high=30)
    release_keep_days: int = limit(
        7, "days", "a batch stays after the organizer acknowledged it", "retention", low=0, high=30
    )
    export_max_rows: int = limit(5000, "", "rows of one exported list", "S-093", high=20000)
    orphan_hours: int = limit(24, "hours", "an object without a row is removed after", "DESIGN 2.6")
    superseded_hours: int = limit(
        24, "hours", "a replaced document is destroyed after", "retention", low=0, high=24
    )
    policy_notice_days: int = limit(
        7, "days", "a material change of the policy is published ahead", "policy updates", low=7
    )
    draft_days: int = limit(
        7, "days", "an unsubmitted draft is destroyed after", "retention", high=7
    )
    document_days_after_event: int = limit(
        30, "days", "an event's vault key is destroyed after its end", "retention", low=0, high=30
    )


@dataclass(frozen=True, kw_only=True)
class MessageLimits:
    """E-mail and SMS: counted by the web when it asks for one, by the worker when it sends."""

    message_number_per_minute: int = limit(1, "", "codes and SMS to one address", "SMS budget")
    message_number_per_hour: int = limit(5, "", "codes and SMS to one address", "SMS budget")
    message_number_per_day: int = limit(10, "", "codes and SMS to one address", "SMS budget")
    message_source_per_hour: int = limit(20, "", "codes that one source asks for", "SMS budget")
    message_sms_per_hour: int = limit(
        1000, "", "SMS of the whole site before sending stops and staff are told", "SMS budget"
    )
    message_code_minutes: int = limit(5, "minutes", "a code lives", "codes", high=10)
    message_code_tries: int = limit(5, "", "tries at a code", "codes", high=5)
    message_link_minutes: int = limit(60, "minutes", "a link in an e-mail lives", "codes", high=60)
    message_tries: int = limit(6, "", "tries at sending before a message is parked", high=20)


@dataclass(frozen=True, kw_only=True)
class SafetyLimits:
    """What people are to look at: counted by the worker, and by the web before it asks it to."""

    safety_accounts_per_source: int = limit(
        10,
        "",
        "accounts opened from one source before staff look at them",
        "REQUIREMENTS C6",
        low=2,
    )
    safety_source_hours: int = limit(
        24, "hours", "accounts of one source are counted together", "REQUIREMENTS C6", high=168
    )
    safety_network_minutes: int = limit(
        10, "minutes", "between two sign-ins from two networks that are noticed", "S-020", high=60
    )


@dataclass(frozen=True, kw_only=True)
class WebLimits:
    """Requests, uploads, accounts and leads."""

    max_form_bytes: int = limit(
        256 * 1024, "bytes", "a form without files", "upload size", low=16384
    )
    max_form_fields: int = limit(200, "", "fields in a form", "upload size", low=10)
    max_upload_parts: int = limit(10, "", "parts in a form with a file", "upload size", low=4)
    max_upload_bytes: int = limit(30 * MIB, "bytes", "one picture", "upload size", low=MIB)
    max_pdf_bytes: int = limit(20 * MIB, "bytes", "one PDF", "upload size", low=MIB)
    max_pdf_pages: int = limit(4, "", "pages of a PDF", "upload size")
    pdf_long_side: int = limit(3000, "pixels", "a PDF's page when drawn", "pixels", low=800)
    max_jpeg_pixels: int = limit(
        200_000_000, "pixels", "a JPEG, which shrinks on load", "pixels", low=10**6
    )
    max_other_pixels: int = limit(
        50_000_000, "pixels", "a PNG, WebP or HEIC, which decode whole", "pixels", low=10**6
    )
    max_side: int = limit(30_000, "pixels", "either side of a picture", "pixels", low=1000)
    min_long_side: int = limit(800, "pixels", "long side that can still be read", "pixels")
    decoder_processes: int = limit(
        max(1, min(os.cpu_count() or 1, 8)),
        "",
        "pictures decoded at once, one a core",
        "decoder child",
    )
    decoder_cpu_seconds: int = limit(
        10, "seconds", "a decoder's work on one picture", "decoder child"
    )
    decoder_wall_seconds: int = limit(15, "seconds", "waiting for one picture", "decoder child")
    pdf_cpu_seconds: int = limit(
        2, "seconds", "a decoder's work on one PDF, whose pages are programs", "C-04", high=10
    )
    decoder_memory_bytes: int = limit(
        512 * MIB, "bytes", "a decoder's memory", "decoder child", low=64 * MIB
    )
    inflight_upload_bytes: int = limit(
        256 * MIB,
        "bytes",
        "uploads held in memory at once, over all requests",
        "DESIGN 2.7",
        low=32 * MIB,
    )
    documents_per_registration: int = limit(12, "", "documents", "quotas")
    uploads_per_hour: int = limit(30, "", "uploads of an account", "quotas")
    uploads_per_day: int = limit(60, "", "uploads of an account", "quotas")
    upload_bytes_per_day: int = limit(
        500 * MIB, "bytes", "uploads of an account", "quotas", low=MIB
    )
    replacements_per_day: int = limit(3, "", "replacements of one document", "quotas")
    password_min: int = limit(
        8,
        "characters",
        "a student's password beside a second factor on new devices",
        "password",
        low=8,
    )
    password_min_alone: int = limit(
        15, "characters", "a student's password without one", "password", low=15
    )
    password_min_staff: int = limit(
        12, "characters", "a staff member's or organizer's password", "password", low=12
    )
    password_max: int = limit(128, "characters", "any password", "password", low=64)
    staff_password_max_age_days: int = limit(
        0, "days", "a staff password's age; 0 for none", "CONTROLS Q17", low=0
    )
    factor_reset_hours: int = limit(
        72, "hours", "a lost second factor stays on after two people confirmed", "Q2", low=24
    )
    access_review_days: int = limit(
        92, "days", "between two looks at who may do what", "rotation", low=7, high=92
    )
    argon2_memory_kib: int = limit(64 * 1024, "KiB", "argon2id memory", "argon2id", low=12 * 1024)
    argon2_passes: int = limit(3, "", "argon2id passes", "argon2id")
    argon2_at_once: int = limit(4, "", "hashes computed at once", "argon2id")
    login_free_failures: int = limit(5, "", "failures before sign-in slows", "sign-in throttle")
    login_max_delay_seconds: int = limit(
        900, "seconds", "longest delay between tries", "sign-in throttle"
    )
    login_max_failures: int = limit(
        100,
        "",
        "failures in a row that turn a password off until reset",
        "sign-in throttle",
        low=10,
    )
    login_source_per_minute: int = limit(20, "", "tries from one source", "sign-in throttle")
    login_source_per_hour: int = limit(100, "", "tries from one source", "sign-in throttle")
    register_source_per_hour: int = limit(20, "", "accounts opened from one source")
    invitation_hours: int = limit(48, "hours", "a staff or organizer invitation lives", "codes")
    student_idle_minutes: int = limit(60, "minutes", "a student's session unused", "sessions")
    student_session_hours: int = limit(24, "hours", "a student's session at most", "sessions")
    student_sessions: int = limit(5, "", "a student's sessions at once", "sessions")
    organizer_idle_minutes: int = limit(30, "minutes", "an organizer's session unused", "sessions")
    organizer_session_hours: int = limit(12, "hours", "an organizer's session at most", "sessions")
    organizer_sessions: int = limit(3, "", "an organizer's sessions at once", "sessions")
    staff_idle_minutes: int = limit(15, "minutes", "a staff session unused", "sessions")
    staff_session_hours: int = limit(8, "hours", "a staff session at most", "sessions")
    staff_sessions: int = limit(2, "", "staff sessions at once", "sessions")
    step_up_seconds: int = limit(
        600, "seconds", "a second factor counts as fresh", "SECURITY 26", low=60, high=600
    )
    trusted_device_days: int = limit(
        30, "days", "a verified device is remembered", "sessions", low=0, high=30
    )
    lead_source_per_hour: int = limit(5, "", "leads from one source", "leads")
    lead_source_per_day: int = limit(20, "", "leads from one source", "leads")
    lead_site_per_minute: int = limit(
        300, "", "leads in all before more is asked of the sender", "leads", low=10
    )
    lead_proof_bits: int = limit(
        16, "bits", "work asked of a browser then: leading zeros of a SHA-256", "leads", high=24
    )
    lead_wait_seconds: int = limit(
        60, "seconds", "what a person without JavaScript waits instead", "leads"
    )
    max_recording_bytes: int = limit(
        200 * MIB, "bytes", "one recording of a call", "REQUIREMENTS D2", low=MIB
    )
    recordings_per_contact: int = limit(5, "", "recordings of one call", "REQUIREMENTS D2")
    recordings_at_once: int = limit(
        4, "", "recordings that a process takes in at once", "REQUIREMENTS D2", high=32
    )
    call_from_hour: int = limit(
        9, "hours", "nobody is called back before this hour in China", "CONTROLS L-39", low=0
    )
    call_until_hour: int = limit(20, "hours", "nor from this hour on", "CONTROLS L-39", high=24)
