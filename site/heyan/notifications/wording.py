"""What each notice says, and where it leads; the row itself holds only a kind and ids."""

from __future__ import annotations

from collections.abc import Callable

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from heyan.access import Realm
from heyan.notifications.models import Notice

_WORDS = {
    "registration_submitted": _l("报名已提交。材料封存着，等待编入下一批交给主办单位。"),
    "registration_waitlisted": _l("报名已提交，名额已满，正在候补；有人退出时按顺序补上。"),
    "registration_seated": _l("候补成功：您的报名已有名额，材料会编入下一批交给主办单位。"),
    "registration_verified": _l("核验通过：主办单位认可了这次报名的全部材料。"),
    "registration_withdrawn": _l("报名已撤回，封存的材料和证件号码已安排销毁。"),
    "document_handed_over": _l("材料已编入批次，加密交给主办单位，等对方取走并核验。"),
    "document_accepted": _l("一份材料核验通过。"),
    "document_returned": _l("一份材料被退回，请看原因，在期限前重新上传这一份。"),
    "documents_due": _l("退回的材料还没有重新上传，补交期限快到了。"),
    "draft_due": _l("有一份报名还没有提交，报名快要截止了。"),
    "consent_due": _l(
        "原来的同意不再适用（例如主办单位的名称或联系方式变了）。请重新阅读并决定；在您决定之前，"
        "材料不会交给主办单位。"
    ),
    "policy_changed": _l(
        "我们的条款将有重大变更。请在生效之前看看变了什么、从哪天起，决定是否同意；"
        "您同意之前，新条款不适用于您。"
    ),
    "service_ending": _l(
        "本网站将停止服务，日期公告在网站每一页的最上方。到期后全部个人信息删除或者销毁；"
        "请在此之前办完报名、取得您的信息副本。"
    ),
    "policy_due": _l(
        "条款的重大变更已经生效，您还没有决定是否同意。在您同意之前，按原来的条款办。"
    ),
    "document_shown": _l("经审批，本站一名工作人员查看了一份材料；原因和批准可以在材料页看到。"),
    "viewing_ready": _l("经批准查看的内容已经备好，只有您的密钥打得开。"),
    "viewing_refused": _l("经批准查看的内容没有制作，请看原因。"),
    "document_destroyed": _l("一份材料已经销毁，可以下载销毁凭证。"),
    "account_new_device": _l("有人在一台新设备上登录了您的账号。不是您本人的话，请马上修改密码。"),
    "account_two_networks": _l(
        "几分钟内，您的账号从两个不同的网络、不同的设备登录。不是您本人的话，请马上修改密码，"
        "并报告账号被盗用。"
    ),
    "registration_held": _l(
        "一份报名的材料暂缓交给主办单位，由工作人员核实。报名页写着原因，您可以说明或者申诉。"
    ),
    "registration_resumed": _l("一份报名核实完毕，材料恢复转交，您不用做什么。"),
    "account_register_attempt": _l(
        "有人想用您的手机号再开立一个账号，没有成功。您的账号没有变化。"
    ),
    "account_password_changed": _l("密码已修改。"),
    "account_password_reset": _l(
        "密码已通过您验证过的手机或邮箱重设，其他会话都已退出。不是您本人的话，请马上致电我们。"
    ),
    "account_email_changed": _l("账号的邮箱换了。不是您本人的话，请马上致电我们。"),
    "account_phone_verified": _l("账号的手机号已经验证。"),
    "account_password_off": _l(
        "有人在陌生设备上连续试错密码，陌生设备上的密码登录已停用。修改密码后恢复。"
    ),
    "account_factor_added": _l("动态验证码已启用或更换。"),
    "account_factor_removed": _l("第二样证明已停用。"),
    "account_sms_factor_on": _l(
        "短信验证码已启用，可以用来登录。不是您本人的话，请马上停用它并修改密码。"
    ),
    "account_sms_factor_off": _l("短信验证码已停用。"),
    "account_guardian_bound": _l(
        "有人用您给的绑定码，成为您的学员的共同监护人，能看到报名进展。"
        "不是您给的话，请在“学员”页冻结或解除。"
    ),
    "account_guardian_ended": _l("一项共同监护的绑定已经解除。"),
    "account_guardian_disputed": _l("对方对一项共同监护的绑定提出异议，已经冻结，现在看不到进展。"),
    "account_guardian_resumed": _l("一项共同监护的绑定取消了冻结，又能看到进展。"),
    "guardian_disputed": _l(
        "有监护人对共同监护的绑定提出异议，绑定已冻结。请了解情况，必要时联系双方。"
    ),
    "account_recovery_codes": _l("备用码已更换。"),
    "account_recovery_code_used": _l("用掉了一个备用码。"),
    "account_passkey_added": _l("登记了一枚通行密钥。不是您本人的话，请马上移除它并修改密码。"),
    "account_passkey_removed": _l("移除了一枚通行密钥。"),
    "account_passkey_copied": _l("一枚通行密钥可能被复制，已停用。请移除它，并检查登录记录。"),
    "account_factor_reset_asked": _l(
        "有人说您丢失了第二样证明，请求把它取消。不是您本人的话，请在账号安全页阻止。"
    ),
    "account_factor_reset_confirmed": _l(
        "取消第二样证明的请求已由两位同事核实，等待期过后生效。不是您本人的话，请在账号安全页阻止。"
    ),
    "account_unused": _l("账号接近 24 个月没有使用，原定 30 天后删除；您已经登录，账号照常保留。"),
    "account_reset_issued": _l(
        "客服按您的要求发出了密码重置码。不是您本人要求的话，请报告账号被盗用。"
    ),
    "account_frozen": _l(
        "账号已按报告冻结：全部登录已结束，材料暂停交出。请联系客服取得重置码，设置新密码后恢复。"
    ),
    "account_change_phone": _l(
        "有人凭证明申请更换您账号的手机号，72 小时后生效。不是您本人的话，请在“账号变更”里停止。"
    ),
    "account_change_factor": _l(
        "有人凭证明申请解除您账号的动态验证码，72 小时后生效。"
        "不是您本人的话，请在“账号变更”里停止。"
    ),
    "account_change_stopped": _l("一项账号变更已被停止，账号没有变化。"),
    "account_changed_phone": _l("账号的手机号已更换，原来的号码不能再登录。"),
    "account_changed_factor": _l("账号的动态验证码已按申请解除。"),
    "incident_account": _l("有账号被报告为遭人盗用，已冻结。请核实情况，决定是否按安全事件处理。"),
    "grant_proposed": _l("有一项联系信息的授权等着您批准。"),
    "grant_approved": _l("您提出的联系信息授权已经批准。"),
    "grant_refused": _l("您提出的联系信息授权没有批准，请看理由。"),
    "grant_ending": _l("有一项联系信息的授权快到期了。仍然需要的，请提出新的授权。"),
    "request_waiting": _l("有一项查看申请等着批准。"),
    "request_approved": _l("您的查看申请已经批准，请在到期之前办完。"),
    "request_refused": _l("您的查看申请没有批准，请看理由。"),
    "staff_alert": _l("有一条员工操作的告警，请今天查明并关闭。"),
    "finding_yours": _l("有一个审计发现的问题由您负责整改，请看期限。"),
    "finding_overdue": _l("有一个审计发现的问题过了期限还没有整改。"),
    "rule_published": _l("有一项内部制度发布了新版本，请在“培训”页面读完并确认。"),
    "training_ending": _l("您的培训或考试快到期了。过期之后不能查看敏感信息，请安排补上。"),
    "training_over": _l("您的培训或考试已经过期，现在不能查看敏感信息。请补上之后请管理员登记。"),
    "request_ended": _l("您的查看申请已被提前结束。"),
    "agreement_ending": _l("有一份协议快到期了。到期之后不再向对方交出任何信息，请安排续签。"),
    "agreement_over": _l("有一份协议已经结束。请向对方索取归还或删除的书面确认，并登记。"),
    "account_wrong_codes": _l(
        "有人知道您的密码，但动态验证码输错了几次。不是您本人的话，请马上修改密码。"
    ),
    "rights_received": _l("您的请求已经收到，正在办理。"),
    "rights_answered": _l("您的请求已经办结，请看书面答复。"),
    "rights_refused": _l("您的请求没有获准，请看理由和您可以怎样救济。"),
    "rights_fee": _l("这项请求是多次重复的请求，可能收取成本费用；收取前会告诉您数额和算法。"),
    "rights_copy_ready": _l("您要的个人信息副本已经做好，72 小时内可以下载。"),
    "rights_confirmed": _l("主办单位确认已经照您的撤回、删除或更正办理。"),
    "rights_unlawful": _l("有人以处理违法为由要求删除，请今天查看并判断是否构成事件。"),
    "rights_refusal": _l("有一项拒绝等着第二人确认。"),
    "rights_due": _l("有一项权利请求快到期限了。"),
    "rights_overdue": _l("有一项权利请求超过了期限，请查看。"),
}

# What an organizer's members read; ``number`` is a batch's or a registration's.
_ORGANIZER_WORDS = {
    "release_offered": _l("第 %(number)s 批已备好，可以打开核验。"),
    "release_unconfirmed": _l(
        "第 %(number)s 批已经等了 %(days)s 天，还没有确认收到。请打开核验，或下载后确认。"
    ),
    "release_held": _l(
        "第 %(number)s 批的结果公布已满 %(days)s 天。请销毁您保存的全部副本，并在批次页面确认。"
    ),
    "registration_withdrawn": _l(
        "报名号 %(number)s 撤回了同意。请停止核验，并销毁您手里这个人的全部材料。"
    ),
    "safety_told": _l(
        "报名号 %(number)s 的证件号码或文件，与本项目另一份报名相同。请在核验时留意，"
        "不要只凭这一点退回。"
    ),
    "registration_corrected": _l("报名号 %(number)s 更正了登记的信息，请以网站上的新信息为准。"),
}


def sentence_of(notice: Notice, realm: Realm = Realm.PUBLIC) -> str:
    """Return what the notice says, in the page's language, to someone of *realm*."""
    if realm is Realm.ORGANIZER and notice.kind in _ORGANIZER_WORDS:
        facts = {"number": "", "days": "", **notice.params}
        return str(_ORGANIZER_WORDS[notice.kind]) % facts
    known = _WORDS.get(notice.kind)
    if known is not None:
        return str(known)
    if notice.kind.startswith("account_"):
        return str(_("账号有一项安全变化。"))
    return str(_("您的报名有新的进展。"))


def plain_sentence(
    kind: str, params: dict[str, str], realm: Realm, say: Callable[[str], str]
) -> str:
    """Return the same sentence outside any page, put into words by *say* (e-mail, SMS)."""
    if realm is Realm.ORGANIZER and kind in _ORGANIZER_WORDS:
        return say(str(_ORGANIZER_WORDS[kind])) % {"number": "", "days": "", **params}
    known = _WORDS.get(kind)
    if known is None:
        known = (
            _l("账号有一项安全变化。")
            if kind.startswith("account_")
            else _l("您的报名有新的进展。")
        )
    return say(str(known))


def link_of(notice: Notice, realm: Realm = Realm.PUBLIC) -> tuple[str, str]:
    """Return where the notice leads, as (address, words)."""
    if notice.kind.startswith("account_change_") and realm is Realm.PUBLIC:
        return url_for("assistance.own_changes"), str(_("查看并停止"))
    if notice.kind.startswith(("grant_", "request_")):
        return _approval_link(notice)
    if agreement_id := notice.params.get("agreement_id"):
        address = url_for("staff_agreements.show", agreement_id=agreement_id)
        return address, str(_("看这份协议"))
    if notice.kind.startswith("policy_"):
        return url_for("policies.terms"), str(_("看变更并决定"))
    if notice.kind.startswith("rights_"):
        return _rights_link(notice, realm)
    if notice.kind.startswith("account_") or realm is Realm.STAFF:
        return _own_link(notice)
    if realm is Realm.ORGANIZER:
        return _organizer_link(notice)
    if document_id := notice.params.get("document_id"):
        return url_for("documents.show", document_id=document_id), str(_("看这份材料"))
    if registration_id := notice.params.get("registration_id"):
        return url_for("registrations.show", registration_id=registration_id), str(_("看这次报名"))
    return url_for("registrations.index"), str(_("查看我的报名"))


def _approval_link(notice: Notice) -> tuple[str, str]:
    if asked := notice.params.get("request_id"):
        return url_for("staff_approvals.show", request_id=asked), str(_("看这个申请"))
    return url_for("staff_approvals.grants"), str(_("看授权"))


def _organizer_link(notice: Notice) -> tuple[str, str]:
    if notice.kind == "safety_told":
        return url_for("releases.index"), str(_("全部批次"))
    if notice.kind in ("registration_withdrawn", "registration_corrected"):
        return url_for("organizer_rights.index"), str(_("照办后在这里确认"))
    if release_id := notice.params.get("release_id"):
        return url_for("releases.show", release_id=release_id), str(_("看这一批"))
    return url_for("releases.index"), str(_("全部批次"))


def _own_link(notice: Notice) -> tuple[str, str]:
    if notice.kind.startswith("viewing_"):
        return url_for("viewings.index"), str(_("去查看"))
    return url_for("accounts.sessions"), str(_("查看账号安全"))


def _rights_link(notice: Notice, realm: Realm) -> tuple[str, str]:
    request_id = notice.params.get("rights_request_id")
    if realm is Realm.STAFF:
        if request_id:
            return url_for("staff_rights.show", request_id=request_id), str(_("看这项请求"))
        return url_for("staff_rights.index"), str(_("全部权利请求"))
    if notice.kind.startswith("rights_copy"):
        return url_for("rights.copy"), str(_("看副本"))
    if request_id:
        return url_for("rights.show", request_id=request_id), str(_("看这项请求"))
    return url_for("rights.index"), str(_("我的信息"))
