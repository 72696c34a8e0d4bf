"""The application factory: settings, surfaces, extensions."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from flask import Blueprint, Flask, request
from flask_babel import Babel
from sqlalchemy.orm import sessionmaker

from heyan import cookies, db, errors, guard, heads, logs, shell, statics, web
from heyan.bodies import MemoryRequest
from heyan.retention import archiving
from heyan.rights import workdays
from heyan.settings import Settings

ROOT = Path(__file__).resolve().parents[2]

# Each feature's views module offers a blueprint for the surfaces it has a page on.
FEATURES = (
    "public",
    "policies",
    "events",
    "leads",
    "contacts",
    "accounts",
    "notifications",
    "students",
    "registrations",
    "documents",
    "organizations",
    "agreements",
    "approvals",
    "assistance",
    "releases",
    "decisions",
    "viewings",
    "exports",
    "rights",
    "safety",
    "staff",
    "usage",
    "audit",
    "oversight",
    "retention",
    "assessments",
    "winddown",
)


def build(settings: Settings) -> Flask:
    """Return the application for the surfaces that *settings* names.

    Raises `RuntimeError` when a route declares no permission.
    """
    logs.configure()
    db.use_contact_keys(db.parse_contact_keys(settings.contact_keys, settings.index_key))
    archiving.use_recipient(settings.archive_recipient)
    workdays.use_file(settings.holidays_file)
    app = Flask(
        "heyan",
        template_folder=str(ROOT / "templates"),
        static_folder=None,
        root_path=str(Path(__file__).parent),
    )
    app.request_class = MemoryRequest
    app.config.update(
        MAX_FORM_MEMORY_SIZE=settings.max_form_bytes,
        MAX_CONTENT_LENGTH=settings.max_form_bytes,
        MAX_FORM_PARTS=settings.max_form_fields,
        TRUSTED_HOSTS=settings.trusted_hosts or None,
        BABEL_DEFAULT_LOCALE="zh_CN",
        BABEL_TRANSLATION_DIRECTORIES=str(ROOT / "translations"),
        BABEL_DEFAULT_TIMEZONE="Asia/Shanghai",
        WTF_CSRF_ENABLED=True,
        WTF_CSRF_CHECK_DEFAULT=False,
    )
    app.jinja_options = {"autoescape": True, "trim_blocks": True, "lstrip_blocks": True}
    engine = db.make_engine(settings.database_url)
    app.extensions["heyan"] = web.Heyan(
        settings, sessionmaker(engine, expire_on_commit=False), statics.init(app, ROOT / "static")
    )
    if settings.trusted_proxies:
        from werkzeug.middleware.proxy_fix import ProxyFix

        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=0, x_port=0, x_prefix=0
        )
    app.wsgi_app = heads.head_as_get(app.wsgi_app)  # type: ignore[method-assign, assignment]
    Babel(app, locale_selector=_locale)
    web.init_teardown(app)
    guard.init(app)
    errors.init(app)
    shell.init(app)
    for feature in FEATURES:
        views = import_module(f"heyan.{feature}.views")
        for surface in settings.surfaces:
            blueprint: Blueprint | None = getattr(views, f"{surface}_pages", None)
            if blueprint is not None:
                app.register_blueprint(blueprint)
    messages = import_module("heyan.notifications.views")
    for surface in settings.surfaces:
        if surface in messages.more_pages:
            app.register_blueprint(messages.more_pages[surface])
    app.register_blueprint(messages.common_pages)
    common = import_module("heyan.accounts.views").common_pages
    app.register_blueprint(common)
    guard.assert_declared(app)
    return app


def _locale() -> str:
    """Chosen in the address, else by cookie, else Chinese (the browser's wish is not asked)."""
    chosen = request.args.get("lang") or request.cookies.get(
        cookies.cookie_name(cookies.LANGUAGE, secure=web.settings().secure_cookies)
    )
    return "en" if chosen == "en" else "zh_CN"
