"""The same house on an object storage that speaks S3: a real server, of moto, on a port of its own."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from core.errors import NotFound, StartupError, Unavailable
from core.settings import Settings
from maintenance.scheduler import background_jobs, run_once
from storage.objects import Objects
from tests.support.clients import ChatUsers
from tests.support.pictures import assert_upright, base64_of, decoded, encoded, scene
from tests.support.running import RunningServer, run_server

BUCKET = "molva"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """A client of the storage's own, to see what is in the bucket; the environment is as an operator sets it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "a secret of the storage",
            "AWS_REGION": "us-east-1",
        }.items():
            patch.setenv(name, value)
        client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client
    server.stop()


def keys_in(s3: Any, prefix: str = "") -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]


@pytest.fixture
async def objects(s3: Any) -> AsyncIterator[Objects]:
    objects = Objects(f"s3://{BUCKET}/plain")
    yield objects
    await objects.close()


async def read(objects: Objects, key: str, part: tuple[int, int] | None = None) -> bytes:
    opened = await objects.open(key, part)
    return b"".join([chunk async for chunk in opened.chunks])


async def test_object_comes_back_whole_and_in_parts(objects: Objects) -> None:
    content = os.urandom(1_000_000)
    await objects.put("a/b", content)
    await objects.put("a/b", content)
    assert await read(objects, "a/b") == content
    assert await read(objects, "a/b", (10, 20)) == content[10:20]
    assert (await objects.open("a/b", (10, 20))).size_bytes == len(content)


async def test_large_file_goes_in_pieces(objects: Objects, tmp_path: Path) -> None:
    content = os.urandom(12_000_000)
    with (tmp_path / "large").open("w+b") as file:
        file.write(content)
        file.seek(0)
        await objects.put("large", file)
    assert await read(objects, "large") == content


async def test_what_is_not_there_is_not_found_and_as_good_as_removed(objects: Objects) -> None:
    with pytest.raises(NotFound):
        await objects.open("nothing")
    await objects.put("something", b"x")
    await objects.delete(["something", "nothing"])
    with pytest.raises(NotFound):
        await objects.open("something")


async def test_storage_that_is_away_is_unavailable(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("storage.objects._RETRIES_MAX", 0)
    objects = Objects(f"s3://{BUCKET}")
    for attempt in (objects.put("a", b"x"), objects.open("a"), objects.delete(["a"])):
        with pytest.raises(Unavailable):
            await attempt
    await objects.close()


def test_empty_variables_count_as_absent(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "")
    Objects(f"s3://{BUCKET}")
    assert not {"AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"} & os.environ.keys()


async def test_bucket_that_does_not_exist_is_unavailable_for_writing(s3: Any) -> None:
    objects = Objects("s3://somewhere-else")
    with pytest.raises((Unavailable, NotFound)):
        await objects.put("a", b"x")
    await objects.close()


def test_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match="FILES_URL cannot be used"):
        Objects(str(tmp_path / "file" / "folder"))


# --- the whole house on it


@pytest.fixture
async def server(s3: Any, database_url: str, tmp_path: Path) -> AsyncIterator[RunningServer]:
    settings = Settings(
        database_url=database_url, data_dir=tmp_path, port=0, rate_limits="off", files_url=f"s3://{BUCKET}/house"
    )
    async with run_server(settings) as server:
        yield server


async def test_avatars_and_files_live_in_the_bucket(server: RunningServer, s3: Any) -> None:
    chat_users = ChatUsers(server.address)
    anna = await chat_users.register()
    picture = encoded(scene(300, 300))
    file = (await anna.http.post("/v1/files", files={"file": ("a.png", picture)}, headers=anna.headers)).json()
    assert keys_in(s3, f"house/files/{file['id']}") == [
        f"house/files/{file['id']}/content",
        f"house/files/{file['id']}/thumbnail",
    ]
    part = await anna.http.get(file["url"], headers={**anna.headers, "Range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, b"PNG")
    assert_upright(decoded((await anna.http.get(file["thumbnail"], headers=anna.headers)).content))

    answer = await anna.http.put("/v1/me/avatar", json={"image": base64_of(picture)}, headers=anna.headers)
    avatar = answer.json()["avatar"]
    assert len(keys_in(s3, f"house/avatars/{avatar['id']}/")) == 4
    for size in ("50", "100", "400", "original"):
        assert_upright(decoded((await anna.http.get(avatar[size])).content), tolerance=60)
    await anna.http.delete("/v1/me", headers=anna.headers)
    async with server.molva.database.reading() as tx:
        await tx.execute("test", "UPDATE files SET expires_at = now() - interval '1 second'", [])
    for job in background_jobs(server.molva.services, server.molva.objects):
        await run_once(job)
    assert keys_in(s3, "house/") == []
    assert not (server.settings.data_dir / "files").exists()
    await chat_users.close()
