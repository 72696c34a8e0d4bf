"""The privacy policy in English, second half: rights, keeping, protection, changes, contact."""

from __future__ import annotations

from heyan.policies.sections import Generated, Section, points, seeds

SECOND_HALF = (
    Section(
        "rights",
        "Your rights",
        (
            *seeds(44, 45, 46, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58),
            *("L-05", "L-10", "L-11", "L-17", "L-19", "L-20"),
        ),
        (
            "You have these rights over your own information and that of the students bound to"
            " your account. Signed in, use them under [“My information”](/me/data); **or let our"
            " staff do it: call {hotline} ({hours}) or write to {email}. The same time limits hold"
            " either way.**",
            points(
                "**See and copy**: the page lists everything we hold, by category. You may have a"
                " copy (readable pages, tables and JSON), made and sealed by a separate program,"
                " yours alone to fetch, and gone after 72 hours. For scores and certificates that"
                " the organizer publishes, ask us to help.",
                "**Correct and complete**: change how we address you at any time; a name or date of"
                " birth under which something was submitted is checked by a person, and where it"
                " was handed over we tell the organizer and follow up its confirmation.",
                "**Withdraw consent**: everything you agree to stands on one page; taking back"
                " is as"
                " easy as agreeing, with the effect shown first. What was done before stays lawful."
                " Each consent and withdrawal has a signed receipt to download.",
                "**Delete**: when the purpose is fulfilled, you no longer use our services, you"
                " withdrew consent, or we handled information unlawfully or against our word."
                " **Deletion may end a service; we first tell you which registrations.**",
                "**Restrict or refuse processing**, **move it to another handler**, **have the"
                " rules explained**: ask under [“Complaints and questions”](/ask), without an"
                " account; each request has a number by which you can follow it.",
            ),
            "Once deletion is decided we delete from the site's servers as soon as possible,"
            " within 72 hours. Backups cannot be edited; they expire within 35 days. **Sealed"
            " documents die with their key, in backups too.** What the law makes us keep is only"
            " stored, not used, until its date, and we tell you which category and until when;"
            " this includes communication records kept to fight crime and protect national"
            " security.",
            "**If we cannot meet a request we give the reason in writing, and tell you that you"
            " may go to court or complain to the cyberspace administration.**",
        ),
    ),
    Section(
        "closing",
        "Closing your account",
        (*seeds(49, 53, 58, 59, 60, 61, 62, 63, 64, 65, 66), "L-18", "L-35"),
        (
            "You may close it at any time under [“My information”](/me/data): prove yourself once"
            " more, see which registrations end and what the law has kept until when, confirm, and"
            " it is done at once. Our staff can do it too: they make sure it is you by the number"
            " on file, without a picture of a document, within fifteen working days.",
            "**The account is then emptied and cannot be restored; we no longer collect, use or"
            " provide anything connected with it.**",
            "Accounts of students and parents that nobody signed in to for 24 months, with nothing"
            " under way, are emptied likewise, announced 30 days before. There are two"
            " exceptions: what courts, procuratorates, police or state security"
            " lawfully order to be kept, and what laws or regulations set a period for. It is kept"
            " in an encrypted archive that the site's program cannot open, provided only to a"
            " competent authority within its order, approved by two people, and recorded."
            " For periods and what follows see [list 3](#retention) and"
            " [how we protect it](#protection).",
        ),
    ),
    Section(
        "answering",
        "How we answer",
        (*seeds(45, 50, 61, 67, 68, 69, 70, 71), "L-17", "L-21"),
        (
            "**We confirm receipt within one working day, correct within five, and answer"
            " everything else within fifteen working days.** That is our own promise; the law says"
            " “in time”.",
            "So as not to give your information to someone else we first check who asks; what"
            " served to check is destroyed when the case closes.",
            "**There is no charge.** For requests repeated many times beyond reason we may charge"
            " our cost, announced beforehand. We may decline, with reasons, requests that repeat"
            " without cause, need undue technical effort, endanger others' rights, or are wholly"
            " impractical.",
            "By law we may be unable to respond where a request concerns:",
            points(
                "our duties under law;",
                "national security or defence directly;",
                "public safety, public health or major public interests directly;",
                "criminal investigation, prosecution, trial or enforcement directly;",
                "clear evidence of malice or abuse of rights, or the protection of life, property"
                " or other major interests where consent is hard to obtain;",
                "serious harm to the lawful rights of you or others;",
                "trade secrets.",
            ),
            "Declining a request takes two colleagues, one who decides and one who confirms, on"
            " one of"
            " these grounds only. Close relatives of someone who died may, for their own lawful"
            " interests, see, copy,"
            " correct or delete that person's information unless the person arranged otherwise.",
        ),
    ),
    Section(
        "retention",
        "List 3: how long, and what then",
        (*seeds(52, 60, 66, 73, 75, 76, 87), "L-01", "L-11", "L-33", "L-38"),
        (
            "**Kept only until the purpose is fulfilled; then deleted, anonymised or destroyed as"
            " listed.** “As long as the account exists” holds for account and student details"
            " only; identity documents never live as long as an account.",
            Generated("retention"),
            "Clearing runs by itself every hour and is then checked category by category:"
            " nothing may"
            " be left past its day. What an authority lawfully orders to be kept is, approved by"
            " two"
            " people with the ground on record, neither destroyed nor used meanwhile.",
            "Article 31 of the E-commerce Law has transaction data kept three years from"
            " completion: the site takes no payments at present, so this is the registration itself"
            " (who registered whom for what and when), sealed into the archive when an account is"
            " closed, as listed above. Consent records and results are kept three years as evidence"
            " (Civil Code, article 188).",
        ),
    ),
    Section(
        "place",
        "Where it is kept",
        (*seeds(72, 74, 77), "L-16"),
        (
            "**Personal information collected and made in mainland China is stored and used"
            " there**, backups included. Places: {hosting}. The site accepts storage regions in"
            " mainland China only and does not start otherwise. Nothing goes to foreign judicial"
            " or law-enforcement bodies without approval of the competent authority.",
        ),
    ),
    Section(
        "ending",
        "If we stop",
        (*seeds(78, 79), "L-34"),
        (
            "**If we end the service we say so on the home page and tell you at least thirty days"
            " before**; afterwards all personal information is deleted or anonymised and the keys"
            " of sealed documents are destroyed.",
        ),
    ),
    Section(
        "protection",
        "How we protect it",
        (
            *seeds(33, 80, 81, 82, 83, 84, 85, 86, 88, 89, 90, 91, 92, 93, 94),
            *("L-06", "L-22", "L-24", "L-25", "L-31"),
        ),
        (
            points(
                "Encrypted in transit; contact details encrypted in the database and masked in"
                " lists; identity numbers and documents sealed so that the site cannot open them.",
                "Information is graded, and access limited by role, situation and grant. **No role"
                " can open an identity document by itself.**",
                "Staff and organizers need a second factor. Without an approved grant (90 days at"
                " most) contact details are masked; to see them takes a reason, each look is"
                " recorded, and there is no bulk export. A recording is heard with the lead's"
                " approval, an identity document seen with two people's. Roles are given by"
                " managers the company appoints and reviewed every quarter; an organizer's key is"
                " checked and approved by two different colleagues.",
                "Records of actions are chained and signed by a separate program, so later changes"
                " show; the site's own program cannot alter them or the consent records.",
                "The company sets data-security rules for collecting, sending, using, storing,"
                " moving and destroying; trains and examines staff; keeps an incident plan and"
                " drills it; audits and assesses impact regularly.",
            ),
            "Nothing on the internet is wholly safe. **Please use a password nobody can guess, and"
            " nowhere else.**",
        ),
    ),
    Section(
        "incidents",
        "When something goes wrong",
        (*seeds(95, 96, 97, 98, 99, 100, 101, 102), "L-08", "L-26", "L-27", "L-29"),
        (
            "On a leak, change or loss we start our incident plan at once, act to limit it, record"
            " it, and report to the authorities in time as the rules require.",
            "**If it may harm you we tell you what happened, what it may mean, what we did and will"
            " do, how you can protect yourself, what we offer to make good, and whom to contact.**"
            " We use e-mail, letter, phone or messages on the site; for minors we tell the guardian"
            " too; where people cannot be reached one by one we post a public notice.",
            "**If your account or password has leaked, call {hotline} at once**: we end all its"
            " sessions and help you reset it. You can also report it from the sign-in page,"
            " which freezes the"
            " account and stops any hand-over, or end other devices yourself under"
            " “Signed-in devices”. Please tell us of security holes, too.",
        ),
    ),
    Section(
        "changes",
        "Changes to this policy",
        (*seeds(105, 106, 107, 108, 109), "L-13"),
        (
            "Changes are published here with a note of what changed, and any two versions can be"
            " compared. **Your rights under this policy are not reduced without your express"
            " consent.** The period promised when something was collected stands: a later version"
            " may shorten it, and lengthens it only for what is collected from then on.",
            "**A material change is published at least seven days ahead, put forward and"
            " approved by"
            " two people; every account is told on the site and by the e-mail address and number"
            " it verified, and asked at sign-in before anything else. Until you agree, your"
            " information is not handled under the new terms.** If you decline, the old terms go on"
            " for the registrations you have and nothing new begins; where the hand-over or its"
            " recipient changed, your documents are not handed over. You can always see, export"
            " and close. What was done before falls under the version of its time, which every"
            " consent and every step of a document records.",
            "These are material changes (where the lists or our contact changed, the program does"
            " not let it be published as anything less):",
            points(
                "the service: purposes, kinds of information, ways of use;",
                "your rights and how to use them;",
                "ownership or organization, such as restructuring, bankruptcy or merger;",
                "recipients;",
                "the department in charge, contacts, the way to complain;",
                "an impact assessment that shows high risk.",
            ),
        ),
    ),
    Section(
        "contact",
        "Contact",
        (*seeds(9, 67, 98, 110), "L-01", "L-23", "L-32"),
        (
            "Company: {company}. Address: {address}.",
            "Personal information protection lead: {officer}, {officer_contact}.",
            "**Questions, complaints, your rights: {hotline} ({hours}), {email}, or"
            " [“Complaints and questions”](/ask), without an account.** Each has a number; we con"
            "firm"
            " complaints and questions about a clause within one working day and answer in writing"
            " within fifteen. If the answer does not satisfy you, you may complain to the"
            " cyberspace administration or go to court.",
        ),
    ),
    Section(
        "law",
        "Law and other matters",
        (*seeds(111, 112), "L-38"),
        (
            "The governing law is {law}. Disputes are first settled amicably, failing which by"
            " {court}.",
            "If a court finds a clause void, the others stand. Headings are for reading only.",
        ),
    ),
)
