"""The privacy policy in English, first half. The Chinese text prevails; sections match it."""

from __future__ import annotations

from heyan.policies.sections import Generated, Section, points, seeds
from heyan.policies.text_privacy_en2 import SECOND_HALF

FIRST_HALF = (
    Section(
        "intro",
        "The most important things first",
        seeds(1, 2, 3, 4, 8, 10),
        (
            "This policy says how {company} (“we”) handles your personal information on this"
            " enrolment site. **What matters most to you is set in bold: please read it first.**"
            " The Chinese text prevails.",
            "**Please think before you give us information. Not giving it affects only the one"
            " thing that needs it: reading the site, looking at events and calling us never ask"
            " for anything.**",
            "Whenever we ask you to agree, the box is empty, the full text in force is one tap"
            " away, and the button to refuse is as plain as the one to agree. When you agree we"
            " keep the time, the version and digest of the text, the words you saw and your"
            " network address. These records can be added to but never changed.",
            "**If you do not agree to this policy we cannot open an account for you or take your"
            " registration**; everything else stays open to you.",
            "This is version {version}, in force from {effective} and not before. Earlier"
            " versions can be read and compared under [“All versions”](/privacy/versions).",
        ),
    ),
    Section(
        "principles",
        "What we hold to",
        (*seeds(11, 12, 13, 14), "L-01", "L-09", "L-14", "L-16"),
        (
            points(
                "We collect only what the matter at hand needs. Every field has its purpose, legal"
                " basis and period on record; the lists below come from the site's own program.",
                "**Anything sent beyond the form is ignored and not kept.** An event may ask a"
                " further question only with its purpose written beside it.",
                "**You are never refused a basic function for declining something that is not"
                " needed.** Only usage figures, recordings of calls and a verified address for"
                " news are of"
                " that sort; you choose each, and once refused it is not asked again for half a"
                " year.",
                "**We do not use information for purposes outside these lists; for a new purpose"
                " we tell you and ask again first.**",
                "No automated decisions, no profiles, no public lists of people or results, and"
                " nothing leaves mainland China.",
            ),
        ),
    ),
    Section(
        "collected",
        "List 1: what we collect",
        (*seeds(21, 85), "L-01"),
        (
            "For each category: what it holds, why, on which legal basis, how long and what then,"
            " and who receives it. “Level” is our own grading: the higher, the fewer people and"
            " uses. When periods begin is in [list 3](#retention).",
            Generated("collected"),
        ),
    ),
    Section(
        "visitors",
        "Reading, and being called back",
        seeds(17, 18, 19),
        (
            "**Reading the site needs no account and puts no cookie into your browser.**",
            "If you would like a call you may leave a name and a mobile number; the event and the"
            " time that suits you are optional. **They are used for this call only and deleted 90"
            " days after the last contact.**",
            "Names and numbers in the call list are masked; a colleague sees them only under an"
            " approved grant that ends, after giving a reason, and every look is recorded. We"
            " call in the daytime only. **Say “do"
            " not contact me” and your number stays off every call list.**",
        ),
    ),
    Section(
        "accounts",
        "Accounts",
        (*seeds(15, 16, 20, 26, 47, 101), "L-37"),
        (
            "An account on this site is opened by you with a phone number and serves to sign in"
            " and register. You set the password; there is no initial one. Where our staff or a"
            " school opened it for you, it works only once you set a password and agree to this"
            " policy; one that is not taken up is deleted in time.",
            "**No colleague can see your password or choose one for you.** If you forget it, reset"
            " it yourself by a verified number or e-mail address; without one, call us: we call"
            " back on the number on file to make sure it is you, then give you a reset code that"
            " works once and expires. Changing the number or taking off a lost second factor is"
            " checked by two colleagues and waits 72 hours, in which you can stop it.",
            "You may set up an authenticator or a passkey. Of a passkey the site keeps the public"
            " key alone; fingerprint and face stay in your device and never reach us. Addresses"
            " and numbers that you verified serve for progress and safety notices, sent by"
            " providers we appointed, who use them to deliver and for nothing else.",
            "To keep accounts safe we record time, network address and browser of each sign-in;"
            " repeated failures slow down. You can see which devices are signed in and end any.",
            "For a registration we use only the account and student details that the event needs."
            " A student can be unbound from your account at any time.",
        ),
    ),
    Section(
        "identity",
        "Identity documents: separate consent, special care",
        (*seeds(2, 5, 6, 7, 32, 33), "L-02", "L-03", "L-41", "L-42", "L-44"),
        (
            "**Pictures of identity documents and their numbers are sensitive: if they leaked,"
            " someone could pose as you. Before you upload we ask for two separate consents: to"
            " process these documents, and to hand them to the organizer of your event for"
            " verification. The page names the organizer, its contact, the purpose, the means and"
            " the kinds of document; if any of that changes, we ask again.**",
            "**They serve to verify identity and nothing else: no face recognition, no comparing"
            " of people's pictures, no statistics, and no page of yours or of visitors shows them"
            " again.** The one exception stands under [“Other uses”](#uses): within one event,"
            " looking for the very same ID number and the very same file.",
            points(
                "At the moment of upload a picture is brought into a standard format, rid of place"
                " and other hidden data, and marked “identity verification only” (except portraits"
                " for admission tickets). The original is not kept.",
                "It is then sealed to a public key of that event. **From then on the site itself"
                " cannot open it**; the private key is held by another program that faces nobody"
                " and uses it only to pack for the organizer.",
                "The packed file is encrypted to the organizer's own key, so only the organizer"
                " can open it. An organizer without a valid written agreement receives nothing.",
                "**Our colleagues cannot open your documents by themselves.** Where a dispute makes"
                " it necessary, the protection lead and an administrator must both approve: for"
                " named documents, a short time and one person, whose name is drawn on the"
                " picture; it stands in the timeline and you are told.",
                "Against posing as others and registering twice, that other program checks, within"
                " one event only, whether a number or a file is exactly the same; the marks it uses"
                " reveal neither and end with the event's key. A match is a hint for a person to"
                " judge.",
                "Each step stands in the document's timeline, with signed receipts to download."
                " [How documents are protected](/privacy/custody)",
                "Destroyed 30 days after the result is published, at the latest 30 days after the"
                " event; a replaced document within 24 hours, an unsubmitted draft after 7 days.",
            ),
            "Why they are needed: the organizer checks with them that it is the student who"
            " registers. **If you decline, this registration cannot be submitted; nothing else is"
            " affected.** You can withdraw at any time: what has not"
            " been handed over is destroyed; of what has, we pass your withdrawal on.",
        ),
    ),
    Section(
        "minors",
        "Minors",
        ("L-04", "L-05", "L-06", "L-08", "L-37"),
        (
            "**For a student under fourteen the guardian decides, and we record the guardian's"
            " name, relation and phone. Without the guardian's consent a registration cannot be"
            " submitted.** From the fourteenth birthday the student's own consent counts.",
            "Guardians may see, copy, correct and delete the child's information, and refuse or"
            " withdraw consent. Staff see anything of a minor's only under an approved grant, each"
            " look recorded, and we audit this every year. In charge of minors' information:"
            " {officer}, {officer_contact}. The rules of their own:"
            " [Children's personal information](/privacy/children).",
            "A person under eighteen who buys a course needs the guardian's consent or"
            " ratification.",
        ),
    ),
    Section(
        "calls",
        "Notes and recordings of calls",
        (*seeds(22, 23, 24, 25), "L-39"),
        (
            "When you call or we call back, a colleague notes the main points and the outcome, to"
            " solve the matter, settle disputes and report back to you.",
            "**A call is recorded only if you agree: we say so at the start and ask.** Without"
            " your consent we serve you all the same, unrecorded. A recording is sealed at once so"
            " that the site cannot open it, and heard only by people with an approval; when you"
            " take your consent back it is destroyed, otherwise as [list 3](#retention) says. If"
            " you leave no way to reach you, we may be unable to tell you the outcome.",
        ),
    ),
    Section(
        "uses",
        "Other uses",
        (*seeds(26, 27, 28, 29, 30), "L-14", "L-40"),
        (
            points(
                "Registrations and courses: the details of your account that the event needs.",
                "Against impersonation: within one event we check whether somebody used another's"
                " ID number, or handed in the very same file as another person. Compared are marks"
                " made with that event's key, in the program that faces nobody; not how pictures"
                " look, and never across events. A mark goes with the number or file it is of,"
                " and once the event's key is destroyed nobody can compare any more.",
                "Against impersonation and abuse: limits within short times, unusual sign-ins, many"
                " accounts from one source, documents used twice."
                " **No program turns a registration down by itself; a person judges, gives the"
                " reason, and you may appeal.**",
                "Protecting your rights, other users' and ours. Affiliates have no accounts here"
                " and no access to this information.",
                "Sending course material: the site does not ship anything yet. When it does, we"
                " ask separately for name, address and phone, give them to the carrier alone, and"
                " tell you each time.",
            ),
        ),
    ),
    Section(
        "without-consent",
        "Where the law asks for no consent",
        (*seeds(31), "L-35"),
        (
            "Under article 13 of the Personal Information Protection Law, information may be"
            " processed without consent where it is:",
            points(
                "necessary for a contract with you, or for lawful management of staff;",
                "necessary for duties set by law, including statutes on national security and"
                " defence;",
                "necessary in a public health emergency, or to protect life, health or property in"
                " an emergency;",
                "news reporting or public oversight in the public interest, within reason;",
                "information that you or the law made public, within reason;",
                "otherwise provided by laws and administrative regulations.",
            ),
            "**Whenever we rely on one of these we name the article and keep a record.**",
        ),
    ),
    Section(
        "shared",
        "List 2: whom we provide it to",
        (*seeds(28, 34, 57, 74, 103, 104), "L-01", "L-03", "L-12", "L-13"),
        (
            "**Apart from the recipients below we give your personal information to no company,"
            " organization or person.**",
            Generated("shared"),
            "Organizers verify identity as independent handlers, bound by written agreement to"
            " that use and to timely destruction. **We cannot delete from an organizer's system"
            " what it has fetched; you may contact it directly (see the event's page), and we pass"
            " your request on.**",
            "Where it is stored: {hosting}. In a merger, division or dissolution we tell you the"
            " recipient's name and contact beforehand.",
            "We do not collect your information from third parties. Where someone provides it for"
            " you (a school, say), we require their written promise that it was lawfully obtained"
            " with your express consent, and their liability if it was not; the account does not"
            " work until you agree yourself.",
        ),
    ),
    Section(
        "cookies",
        "Cookies and the like",
        seeds(35, 36, 37, 38, 39, 40, 41, 42, 43),
        (
            "A cookie is a short text that a site keeps on your device. **We use only the few that"
            " the work needs: the signed-in session, protection of forms, devices you verified,"
            " and choices you made.** Each is listed with name, purpose and lifetime on the"
            " [“Cookies”](/privacy/cookies) page, which comes from the program; no other is"
            " ever set.",
            "**What you browse and click: only if you agree do we note which public pages you saw"
            " and which buttons you pressed, with the device's model, its operating system and the"
            " network it is in (never the full address).** The notes are not tied to your account"
            " and do not tell who you are; after 180 days at most only sums are left. You are asked"
            " once, at your first visit; “only what is necessary” is one press and costs you no"
            " function. You can change it at any time on the [“Cookies”](/privacy/cookies) page;"
            " when you take it back, what was noted is deleted at once.",
            "Do Not Track (DNT) and Global Privacy Control (GPC) count as a refusal: nothing is"
            " counted and nothing is asked. **There is no advertising, no tracking and no third"
            " party's cookie or script.**",
            "Your full network address and browser appear only in the security log and in consent"
            " records.",
            "You can delete or block cookies in your browser: reading and asking for a call still"
            " work; signing in needs one, and says so. The language can be changed back at any"
            " time.",
        ),
    ),
)

SECTIONS = FIRST_HALF + SECOND_HALF
