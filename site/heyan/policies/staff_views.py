"""Staff pages of policy versions: the coming one, its change list, two people, and who was told."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import clock, web
from heyan.access import Permission, requires
from heyan.accounts.pages import client
from heyan.policies import comparison, drafts, service, terms, texts
from heyan.policies.changes import Difference
from heyan.policies.forms import DraftForm
from heyan.policies.models import ChangeKind, PolicyDraft, PolicyKind, PolicyVersion
from heyan.policies.sections import plain_lines
from heyan.policies.wording import KIND_WORDS, NAMES, changes_of, kinds_of

staff_pages = Blueprint("staff_policies", __name__, url_prefix="/staff/policies")
Page = str | Response | tuple[str, int]
P = Permission


def _words() -> dict[str, Any]:
    return {
        "names": NAMES,
        "kind_words": KIND_WORDS,
        "changes_of": changes_of,
        "kinds_of": kinds_of,
        "me": web.account_id(),
    }


def _kind(name: str) -> PolicyKind:
    found = next((kind for kind in PolicyKind if kind.value == name), None)
    if found is None:
        abort(404)
    return found


@staff_pages.get("")
@requires(P.POLICIES_SEE)
def index() -> Page:
    """Show what is in force, what waits for a second person, and how far each change has got."""
    session = web.session()
    versions = [row for kind in PolicyKind for row in service.versions(session, kind)]
    return render_template(
        "policies/staff/index.html",
        drafts=drafts.waiting(session),
        versions=versions,
        rounds={row.id: terms.round_of(session, row) for row in versions if row.material},
        moment=clock.now(),
        kinds=list(PolicyKind),
        **_words(),
    )


def _lines(before: PolicyVersion | None, content: dict[str, Any]) -> Sequence[comparison.Line]:
    old = plain_lines(before.content.get("zh", [])) if before is not None else []
    lines = comparison.compare(old, plain_lines(content.get("zh", [])))
    return [line for line in lines if line.kind != "same"]


@staff_pages.route("/new/<kind>", methods=["GET", "POST"])
@requires(P.POLICIES_DRAFT, step_up=True)
def new(kind: str) -> Page:
    """Show how the program's present text differs from the published one; put it forward."""
    wanted, session, settings = _kind(kind), web.session(), web.settings()
    before = drafts.present(session, wanted)
    form = DraftForm()
    needed: list[Difference] = []
    if request.method == "GET":
        content = texts.content(settings, wanted)
        needed = drafts.differences(session, wanted, content)
        form.kinds.data = sorted({one.kind.value for one in needed})
        form.material.data = "yes" if needed else None
        notice = clock.local(clock.now() + timedelta(days=settings.policy_notice_days + 1))
        form.effective.data = notice.date()
        return _form(wanted, form, before, content, needed), 200
    valid = form.validate()
    day = form.effective.data or settings.policy_effective
    dated = dataclasses.replace(
        settings, policy_version=form.version.data or "", policy_effective=day
    )
    content = texts.content(dated, wanted)
    needed = drafts.differences(session, wanted, content)
    if valid and (row := _proposed(form, wanted, content)) is not None:
        web.flash("success", _("已提交，等另一位同事批准"))
        return redirect(url_for("staff_policies.draft", draft_id=row.id), 303)
    return _form(wanted, form, before, content, needed), 422


def _form(
    kind: PolicyKind,
    form: DraftForm,
    before: PolicyVersion | None,
    content: dict[str, Any],
    needed: Sequence[Difference],
) -> str:
    return render_template(
        "policies/staff/new.html",
        kind=kind,
        form=form,
        before=before,
        needed=needed,
        lines=_lines(before, content),
        notice_days=web.settings().policy_notice_days,
        **_words(),
    )


def _proposed(form: DraftForm, kind: PolicyKind, content: dict[str, Any]) -> PolicyDraft | None:
    """Put the version forward, or leave on the form why not."""
    settings = web.settings()
    proposal = drafts.Proposal(
        kind=kind,
        version=form.version.data or "",
        effective_at=clock.midnight(form.effective.data),
        content=content,
        changes=form.changes.data or "",
        changes_en=form.changes_en.data or "",
        material=form.material.data == "yes",
        kinds=frozenset(ChangeKind(value) for value in form.kinds.data or ()),
        new_owner=form.new_owner.data or "",
    )
    try:
        return drafts.propose(web.session(), web.actor(), proposal, settings.policy_notice_days)
    except drafts.VersionTaken:
        form.version.errors = [_("这个编号用过了，或者文字和现行版本完全相同")]
    except drafts.DraftOpen:
        form.version.errors = [_("同一份文件已经有一版等着批准，请先决定那一版")]
    except drafts.TooSoon as soon:
        first = clock.local(soon.earliest) + timedelta(days=1)
        form.effective.errors = [
            _("来不及通知：最早可以从 %(day)s 起生效", day=f"{first:%Y-%m-%d}")
        ]
    except drafts.OwnerMissing:
        form.new_owner.errors = [_("所有者或组织变更，请写明由谁接手、怎样联系")]
    except drafts.MustBeMaterial as must:
        words = "；".join(str(KIND_WORDS[one]) for one in KIND_WORDS if one in must.kinds)
        form.material.errors = [_("这次变更属于重大变更，请选“重大”并勾选：%(kinds)s", kinds=words)]
    return None


def _load(draft_id: uuid.UUID) -> PolicyDraft:
    try:
        return drafts.load(web.session(), draft_id)
    except drafts.DraftUnknown:
        abort(404)


@staff_pages.get("/drafts/<uuid:draft_id>")
@requires(P.POLICIES_SEE)
def draft(draft_id: uuid.UUID) -> Page:
    """Show one coming version in full beside the published one."""
    row = _load(draft_id)
    before = drafts.present(web.session(), row.kind)
    return render_template(
        "policies/staff/draft.html",
        row=row,
        before=before,
        lines=_lines(before, row.content) if row.decided_at is None else [],
        sections=row.content.get("zh", []),
        **_words(),
    )


@staff_pages.route("/drafts/<uuid:draft_id>/approve", methods=["GET", "POST"])
@requires(P.POLICIES_APPROVE, step_up=True)
def approve(draft_id: uuid.UUID) -> Page:
    """Publish as a second person."""
    row = _load(draft_id)
    if request.method == "GET":
        return render_template("policies/staff/approve.html", row=row, **_words())
    try:
        drafts.approve(
            web.session(),
            web.actor(),
            draft_id,
            web.settings().policy_notice_days,
            browser=client().devices,
        )
    except drafts.SamePerson:
        abort(403, description=_("提出的人不能自己批准，请由另一位同事决定。"))
    except drafts.DraftClosed:
        abort(409, description=_("这一版已经有了结果，请回到列表看现在的状态。"))
    except drafts.TooSoon:
        abort(
            409, description=_("等得太久，离生效日已不够通知的天数：请放弃这一版，换个日期重提。")
        )
    web.flash("success", _("已公布。重大变更会逐个账号通知"))
    return redirect(url_for("staff_policies.index"), 303)


@staff_pages.post("/drafts/<uuid:draft_id>/give-up")
@requires(P.POLICIES_DRAFT)
def give_up(draft_id: uuid.UUID) -> Page:
    """End a draft without publishing it."""
    _load(draft_id)
    try:
        drafts.give_up(web.session(), web.actor(), draft_id)
    except drafts.DraftClosed:
        abort(409, description=_("这一版已经有了结果，请回到列表看现在的状态。"))
    web.flash("success", _("已放弃这一版"))
    return redirect(url_for("staff_policies.index"), 303)
