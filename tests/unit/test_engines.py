"""The engines as they are set up here: who may do what with which credentials (C-70, Q9)."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from deploy.local import processes
from deploy.local.machine import Machine

REFUSED = {"AccessDenied", "403"}


def s3(machine: Machine, identity: str) -> Any:
    access, secret = machine.objects.identity(identity)
    return boto3.client(
        "s3",
        endpoint_url=machine.objects.endpoint,
        region_name="local",
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        config=Config(
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            retries={"max_attempts": 1},
        ),
    )


@pytest.fixture(scope="module")
def web(engines: Machine) -> Any:
    return s3(engines, "web")


@pytest.fixture(scope="module")
def worker(engines: Machine) -> Any:
    return s3(engines, "worker")


@pytest.fixture
def sealed(web: Any) -> tuple[str, str]:
    """An object the web wrote: its key and version."""
    key = os.urandom(16).hex()
    put = web.put_object(Bucket="sealed", Key=key, Body=b"first", IfNoneMatch="*")
    return key, put["VersionId"]


def refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"] in REFUSED
    return False


def test_the_web_can_only_create_in_sealed(web: Any, sealed: tuple[str, str]) -> None:
    """C-70, SECURITY 16."""
    key, version = sealed
    where = {"Bucket": "sealed", "Key": key}
    bucket = {"Bucket": "sealed"}
    source = {"Bucket": "sealed", "Key": key}
    tries: dict[str, Callable[[], object]] = {
        "get": lambda: web.get_object(**where),
        "get version": lambda: web.get_object(**where, VersionId=version),
        "head": lambda: web.head_object(**where),
        "list": lambda: web.list_objects_v2(**bucket),
        "list, old way": lambda: web.list_objects(**bucket),
        "list versions": lambda: web.list_object_versions(**bucket),
        "list uploads": lambda: web.list_multipart_uploads(**bucket),
        "delete": lambda: web.delete_object(**where),
        "delete version": lambda: web.delete_object(**where, VersionId=version),
        "copy from": lambda: web.copy_object(Bucket="sealed", Key=key + "x", CopySource=source),
        "copy out": lambda: web.copy_object(Bucket="releases", Key=key, CopySource=source),
        "tag": lambda: web.put_object_tagging(**where, Tagging={"TagSet": []}),
        "acl": lambda: web.put_object_acl(**where, ACL="public-read"),
        "policy": lambda: web.put_bucket_policy(**bucket, Policy="{}"),
        "suspend versions": lambda: web.put_bucket_versioning(
            **bucket, VersioningConfiguration={"Status": "Suspended"}
        ),
        "expire": lambda: web.put_bucket_lifecycle_configuration(
            **bucket,
            LifecycleConfiguration={
                "Rules": [
                    {
                        "ID": "x",
                        "Status": "Enabled",
                        "Filter": {"Prefix": ""},
                        "Expiration": {"Days": 1},
                    }
                ]
            },
        ),
        "delete bucket": lambda: web.delete_bucket(**bucket),
        "create bucket": lambda: web.create_bucket(Bucket="another"),
    }
    assert [name for name, call in tries.items() if not refused(call)] == []


def test_a_batch_delete_by_the_web_deletes_nothing(
    web: Any, worker: Any, sealed: tuple[str, str]
) -> None:
    """C-70, SECURITY 16."""
    key, version = sealed
    listed = [{"Key": key}, {"Key": key, "VersionId": version}]
    answer = web.delete_objects(Bucket="sealed", Delete={"Objects": listed})
    assert "Deleted" not in answer
    assert worker.get_object(Bucket="sealed", Key=key)["Body"].read() == b"first"


def test_creating_twice_with_if_none_match_fails(web: Any, sealed: tuple[str, str]) -> None:
    with pytest.raises(ClientError) as raised:
        web.put_object(Bucket="sealed", Key=sealed[0], Body=b"second", IfNoneMatch="*")
    assert raised.value.response["Error"]["Code"] == "PreconditionFailed"


def test_whatever_the_web_lays_on_top_the_first_version_survives(
    web: Any, worker: Any, sealed: tuple[str, str]
) -> None:
    """C-70, SECURITY 16."""
    key, version = sealed
    web.put_object(Bucket="sealed", Key=key, Body=b"second")
    begun = web.create_multipart_upload(Bucket="sealed", Key=key)["UploadId"]
    part = web.upload_part(Bucket="sealed", Key=key, UploadId=begun, PartNumber=1, Body=b"third")
    web.complete_multipart_upload(
        Bucket="sealed",
        Key=key,
        UploadId=begun,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    kept = worker.get_object(Bucket="sealed", Key=key, VersionId=version)["Body"].read()
    assert kept == b"first"


def test_the_worker_can_destroy_every_version(
    web: Any, worker: Any, sealed: tuple[str, str]
) -> None:
    """SECURITY 15."""
    key, _version = sealed
    web.put_object(Bucket="sealed", Key=key, Body=b"second")
    found = worker.list_object_versions(Bucket="sealed", Prefix=key)["Versions"]
    assert len(found) == 2
    for one in found:
        worker.delete_object(Bucket="sealed", Key=key, VersionId=one["VersionId"])
    left = worker.list_object_versions(Bucket="sealed", Prefix=key)
    assert not left.get("Versions")
    assert not left.get("DeleteMarkers")


def test_the_web_only_gets_from_releases(web: Any, worker: Any) -> None:
    worker.put_object(Bucket="releases", Key="r", Body=b"release")
    got = web.get_object(Bucket="releases", Key="r", Range="bytes=2-4")
    assert got["Body"].read() == b"lea"
    tries: dict[str, Callable[[], object]] = {
        "put": lambda: web.put_object(Bucket="releases", Key="r", Body=b"x"),
        "put new": lambda: web.put_object(Bucket="releases", Key="n", Body=b"x", IfNoneMatch="*"),
        "delete": lambda: web.delete_object(Bucket="releases", Key="r"),
        "list": lambda: web.list_objects_v2(Bucket="releases"),
        "multipart": lambda: web.create_multipart_upload(Bucket="releases", Key="m"),
    }
    assert [name for name, call in tries.items() if not refused(call)] == []


def test_the_worker_cannot_change_the_buckets_themselves(worker: Any) -> None:
    suspended = {"Status": "Suspended"}
    assert refused(
        lambda: worker.put_bucket_versioning(Bucket="sealed", VersioningConfiguration=suspended)
    )
    assert refused(lambda: worker.create_bucket(Bucket="another"))
    assert refused(lambda: worker.put_bucket_policy(Bucket="sealed", Policy="{}"))


def test_a_stranger_gets_nothing_from_the_store(engines: Machine, sealed: tuple[str, str]) -> None:
    ports = engines.objects.ports
    for port, path in (
        (ports["s3"], "/sealed/" + sealed[0]),
        (ports["filer"], "/buckets/sealed/" + sealed[0]),
        (ports["filer"], "/buckets/sealed/"),
    ):
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5)
        assert raised.value.code in (401, 403, 404)


def test_every_server_listens_on_loopback_alone(engines: Machine) -> None:
    pids = {
        member
        for one in engines.running.values()
        for member in processes.session_members(one.process.pid)
    }
    inodes = set()
    for pid in pids:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = str(entry.readlink())
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    listening = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with Path(table).open() as lines:
            for line in list(lines)[1:]:
                fields = line.split()
                if fields[3] == "0A" and fields[9] in inodes:
                    listening.append(fields[1].split(":")[0])
    assert listening
    assert set(listening) == {"0100007F"}


@pytest.mark.parametrize("role", ["web", "worker"])
def test_database_roles_can_make_nothing(engines: Machine, role: str) -> None:
    """C-70."""
    with psycopg.connect(engines.postgres.url(role), autocommit=True) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls"
            " FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert row == (False,) * 5
        for statement in (
            "CREATE TABLE mine (a int)",
            "CREATE TEMP TABLE mine (a int)",
            "CREATE SCHEMA mine",
            "CREATE ROLE mine",
            "CREATE DATABASE mine",
            "COPY (SELECT 1) TO PROGRAM 'cat'",
            "SELECT pg_read_file('/etc/passwd')",
            "SET ROLE heyan_owner",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_the_database_asks_for_a_password(engines: Machine) -> None:
    port = engines.postgres.port
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://heyan_admin@127.0.0.1:{port}/postgres")


def test_secrets_are_their_owners_alone(engines: Machine) -> None:
    """C-23."""
    found = [*(engines.home / "secrets").iterdir(), *(engines.home / "env").iterdir()]
    assert len(found) >= 6
    for path in [*found, engines.home / "seaweedfs" / "s3.json"]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_web_and_worker_hold_none_of_each_others_secrets(engines: Machine) -> None:
    variables = engines.variables
    web = set(variables.process(variables.web()).values())
    worker = set(variables.process(variables.worker()).values())
    admin = set(engines.objects.identity("admin"))
    assert variables.postgres.url("worker") not in web
    assert variables.postgres.url("web") not in worker
    assert not web & set(engines.objects.identity("worker"))
    assert not worker & set(engines.objects.identity("web"))
    assert not (web | worker) & admin
    assert variables.postgres.url("owner") not in web | worker
    assert str(variables.keyring) not in web


@pytest.mark.faults
def test_a_killed_engine_comes_back_with_its_data(engines: Machine, worker: Any) -> None:
    worker.put_object(Bucket="releases", Key="kept", Body=b"kept")
    for name in ("postgres", "weed"):
        one = engines.running[name]
        os.kill(one.process.pid, signal.SIGKILL)
        one.process.wait(10)
        engines.revive({})
        assert engines.running[name].process.pid != one.process.pid
    engines.postgres.wait(engines.running["postgres"])
    engines.objects.wait(engines.running["weed"])

    def kept() -> bool:
        # The store answers a moment before it knows again which volume holds what.
        with contextlib.suppress(ClientError):
            body: bytes = worker.get_object(Bucket="releases", Key="kept")["Body"].read()
            return body == b"kept"
        return False

    assert processes.wait_until(kept, 30)


def test_what_a_killed_supervisor_left_is_found_and_ended(tmp_path: Any) -> None:
    program = processes.Program(
        "sleeper",
        ["/bin/sh", "-c", "sleep 600 & echo; exec sleep 600"],
        dict(os.environ),
        tmp_path,
    )
    left = processes.start(tmp_path, program)
    assert processes.wait_until(lambda: len(processes.session_members(left.process.pid)) == 2, 5)
    os.kill(left.process.pid, signal.SIGKILL)
    left.process.wait(5)
    assert processes.reap(tmp_path, {"sleeper": signal.SIGTERM}) == ["sleeper"]
    assert processes.wait_until(lambda: not processes.session_members(left.process.pid), 5)


def test_another_program_with_a_used_again_pid_is_left_alone(tmp_path: Any) -> None:
    (tmp_path / "run").mkdir()
    note = tmp_path / "run" / "web.json"
    note.write_text(f'{{"pid": {os.getpid()}, "born": 1, "boot": "{processes.boot()}"}}')
    assert processes.reap(tmp_path, {"web": signal.SIGTERM}) == []
    assert not note.exists()


def test_a_taken_port_moves(tmp_path: Any) -> None:
    from deploy.local import credentials

    first = credentials.ports(tmp_path / "ports.json", ("a", "b"))
    assert credentials.ports(tmp_path / "ports.json", ("a", "b")) == first
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first["a"]))
        taken.listen()
        moved = credentials.ports(tmp_path / "ports.json", ("a", "b"))
    assert moved["a"] != first["a"]
    assert moved["b"] == first["b"]


def test_a_port_that_is_taken_before_the_start_is_chosen_anew(tmp_path: Any) -> None:
    from deploy.local import credentials
    from deploy.local.machine import Machine

    machine = Machine(tmp_path, credentials.free_port(), say=lambda _line: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", machine.objects.ports["filer"]))
        taken.listen()
        try:
            machine.start_engines()
            assert machine.objects.ports["filer"] != taken.getsockname()[1]
        finally:
            machine.stop()
