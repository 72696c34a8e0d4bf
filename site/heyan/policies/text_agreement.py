"""The user agreement, short, in both languages; what limits or excludes liability is in bold."""

from __future__ import annotations

from heyan.policies.sections import Section, points, seeds

ZH = (
    Section(
        "parties",
        "谁和谁约定",
        seeds(9, 10),
        (
            "本协议由您与{company}订立。版本 {version}，自 {effective} 起生效。"
            "**限制或免除责任的条款用粗体标出，请留意；有疑问或不满意，请致电 {hotline}，"
            "我们会解释，并在十五个工作日内书面答复投诉。**",
        ),
    ),
    Section(
        "service",
        "我们做什么",
        seeds(26),
        (
            "我们接受报名，把您的材料安全地交给主办单位核验，并把结果告诉您。"
            "**竞赛、考试和课程由主办单位举办，录取、评审和成绩由主办单位决定并负责。**",
            "报名以提交成功后的受理编号为准。名额满后提交的进入候补，有人退出时按先后递补，"
            "**不保证一定递补到。**",
        ),
    ),
    Section(
        "yours",
        "您要做到的",
        seeds(101),
        (
            points(
                "填写真实、上传本人或您监护的孩子的材料；冒用他人身份的，报名无效，依法承担责任。",
                "保管好密码，不把账号借给别人；发现被盗用，马上致电我们，或者在登录页报告。",
                "不攻击网站，不批量登记，不上传与报名无关的内容。",
            ),
            "未满十八周岁的，由监护人代为订立本协议或者同意。",
        ),
    ),
    Section(
        "money",
        "费用与退出",
        (),
        (
            "费用写在项目页面上。本网站目前不经手付款，付款和退款按主办单位在项目页面上的说明办理。"
            "截止之前可以随时撤回报名。",
        ),
    ),
    Section(
        "liability",
        "责任",
        seeds(9),
        (
            "**因不可抗力、电信或电力中断等我们不能控制的原因造成的中断，我们不承担责任，但会尽快"
            "恢复，"
            "并与主办单位商量顺延。**",
            "**因您填写错误或者没有在截止前补交材料造成的后果，由您承担。**",
            "**本协议不免除我们因故意或者重大过失造成您财产损失、因造成您人身损害以及违反个人信息"
            "保护义务应当承担的责任。**",
        ),
    ),
    Section(
        "change",
        "变更与终止",
        seeds(105, 106, 107),
        (
            "变更至少提前七日公布，重大变更逐个征得同意。**不同意的，已提交的报名按原来的约定办理，"
            "不再开始新的；您可以随时注销账号。**"
            "终止服务的，至少提前三十日通知。",
        ),
    ),
    Section(
        "law",
        "适用法律与争议",
        seeds(111, 112),
        (
            "本协议适用{law}。争议先协商；协商不成的，提交{court}。个别条款无效的，其余条款继续有"
            "效。"
            "个人信息的处理以《个人信息保护政策》为准。",
        ),
    ),
)

EN = (
    Section(
        "parties",
        "Between whom",
        seeds(9, 10),
        (
            "This agreement is between you and {company}. Version {version}, in force from"
            " {effective}. **What limits or excludes liability is in bold. If you have questions or"
            " are dissatisfied, call {hotline}: we explain, and answer complaints in writing within"
            " fifteen working days.** The Chinese text prevails.",
        ),
    ),
    Section(
        "service",
        "What we do",
        seeds(26),
        (
            "We take registrations, bring your documents safely to the organizer for verification,"
            " and tell you the result. **Competitions, exams and courses are held by organizers,"
            " who decide on and answer for admission, judging and scores.**",
            "A registration counts from its receipt number. Once seats are taken, registrations"
            " join a waiting list and move up in order; **a seat is not guaranteed.**",
        ),
    ),
    Section(
        "yours",
        "What you do",
        seeds(101),
        (
            points(
                "Give true answers, and upload documents of yourself or a child in your care."
                " Posing as someone else voids the registration and has legal consequences.",
                "Keep your password safe, lend your account to nobody; report misuse by phone or"
                " from"
                " the sign-in page.",
                "Do not attack the site, register in bulk or upload what has no bearing.",
            ),
            "For anyone under eighteen the guardian concludes or approves this agreement.",
        ),
    ),
    Section(
        "money",
        "Fees, and stepping back",
        (),
        (
            "Fees stand on the event's page. The site takes no payments at present; paying and"
            " refunds follow the organizer's terms there. You may withdraw a registration at any"
            " time before the deadline.",
        ),
    ),
    Section(
        "liability",
        "Liability",
        seeds(9),
        (
            "**We are not liable for interruptions beyond our control, such as force majeure or"
            " failures of telecommunications or power, but restore service as fast as we can and"
            " talk to the organizer about more time.**",
            "**You bear the consequences of wrong answers or of documents not replaced in time.**",
            "**Nothing here excludes our liability for loss caused with intent or gross negligence,"
            " for injury to persons, or for breach of our duties to protect personal"
            " information.**",
        ),
    ),
    Section(
        "change",
        "Changes and end",
        seeds(105, 106, 107),
        (
            "Changes are published at least seven days ahead, and material ones need your consent."
            " **If you disagree, registrations made stay under the old terms and nothing new"
            " begins;"
            " you may close your account at any time.**"
            " We give at least thirty days' notice before ending the service.",
        ),
    ),
    Section(
        "law",
        "Law and disputes",
        seeds(111, 112),
        (
            "The governing law is {law}. Disputes are first settled amicably, failing which by"
            " {court}. If a clause is void the others stand. Personal information is handled under"
            " the privacy policy.",
        ),
    ),
)
