import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cli.batch.image_folder import image_parameter, read_folder
from cli.batch.journal import Journal
from cli.batch.local_images import BadImageError, ChangedImageError, LocalImages
from cli.batch.wrong import WrongListError
from segq_client import Client
from tests.client.scripted_gateway import Answer, Asked, scripted


def picture(path: Path, color: str = "red") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), color).save(path)
    return path


def local(folder: Path, *folders: Path, gateway: str = "http://g", now: float = 1e9) -> LocalImages:
    notes = Journal(folder / "images.jsonl")
    return LocalImages(folders or [folder], notes, gateway, lambda: now)


def test_a_path_is_looked_for_in_one_folder_after_the_other(tmp_path: Path) -> None:
    images, beside = tmp_path / "images", tmp_path / "beside"
    first, second = picture(images / "a.png"), picture(beside / "b.png")
    picture(beside / "a.png")
    found = local(tmp_path, images, beside)
    assert found.path_of("a.png") == first
    assert found.path_of("b.png") == second
    assert found.path_of(str(second)) == second
    for address in ("https://h/a.png", "HTTP://h/a", "data:image/png;base64,AA", "segq:0a"):
        assert found.path_of(address) is None
    for wrong, said in (
        ("c.png", f"there is no file {images}/c.png or {beside}/c.png"),
        ("ftp://h/a.png", "ftp:// is not read"),
        ("x" * 5000, "is no path|there is no file"),
        ("a\0b", "is no path|there is no file"),
    ):
        with pytest.raises(BadImageError, match=said):
            found.path_of(wrong)


def test_a_name_that_begins_as_a_home_folder_does_is_a_name(tmp_path: Path) -> None:
    path = picture(tmp_path / "~draft.png")
    assert local(tmp_path).path_of("~draft.png") == path
    with pytest.raises(BadImageError, match="there is no file /"):
        local(tmp_path).path_of("~/no-such.png")


def test_an_image_in_a_folder_whose_name_is_no_utf_8_is_known_again(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    path = picture(odd / "a.png")
    digest = local(tmp_path).looked_at([path])[0][path]
    assert local(tmp_path)._digests
    assert local(tmp_path).looked_at([path])[0][path] == digest
    path.rename(odd / os.fsdecode(b"\xe9.png"))
    with pytest.raises(WrongListError, match="has a name that is not UTF-8: rename it"):
        read_folder(odd, "image", tmp_path / "out")


def test_broken_images_are_told_and_whole_ones_known_by_their_content(tmp_path: Path) -> None:
    good, same = picture(tmp_path / "good.png"), picture(tmp_path / "same.png")
    noise = tmp_path / "whole.jpg"
    Image.effect_noise((200, 200), 80).save(noise)
    cut, empty, text = (tmp_path / name for name in ("cut.jpg", "empty.jpg", "text.jpg"))
    cut.write_bytes(noise.read_bytes()[:-2000])
    empty.touch()
    text.write_text("no image")
    gif = tmp_path / "a.gif"
    Image.new("RGB", (8, 8)).save(gif)
    found, bad = local(tmp_path).looked_at([good, same, cut, empty, text, gif])
    assert set(found) == {good, same}
    assert found[good] == found[same]
    assert "truncated" in bad[cut]
    assert bad[empty] == "is empty"
    assert bad[text] == bad[gif] == "is no whole JPEG, PNG or WebP: not known"


def test_what_was_looked_at_is_not_read_again_until_it_changes(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    digest = local(tmp_path).looked_at([path])[0][path]
    before = path.stat()
    path.write_bytes(b"x" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert local(tmp_path).looked_at([path]) == ({path: digest}, {})
    os.utime(path)
    assert set(local(tmp_path).looked_at([path])[1]) == {path}


@contextmanager
def gateway(*answers: Answer) -> Iterator[tuple[Client, list[Asked]]]:
    with scripted(*answers) as (url, asked), Client(url, "segq_x") as client:
        yield client, asked


def test_an_image_is_uploaded_once_whoever_runs_again(tmp_path: Path) -> None:
    path, other = picture(tmp_path / "a.png"), picture(tmp_path / "b.png", "blue")
    images = local(tmp_path)
    digests = images.looked_at([path, other])[0]
    wanted = {digest: one for one, digest in digests.items()}
    left: list[int] = []
    with gateway(Answer(201, {"reference": "segq:1"})) as (client, asked):
        assert images.upload(client, wanted, left.append) == {}
        assert images.upload(client, wanted, left.append) == {}
        assert local(tmp_path).upload(client, wanted, left.append) == {}
    assert len(asked) == 2
    assert left == [1, 0]
    assert local(tmp_path).reference(digests[path]) == "segq:1"


def test_an_image_that_may_be_gone_or_is_elsewhere_is_uploaded_again(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    wanted = {local(tmp_path).looked_at([path])[0][path]: path}
    # As a version wrote it that noted neither where nor when.
    Journal(tmp_path / "images.jsonl").add(
        [{"sha256": one, "reference": "segq:0"} for one in wanted]
    )
    with gateway(Answer(201, {"reference": "segq:1"})) as (client, asked):

        def uploads(**more: Any) -> int:
            before = len(asked)
            local(tmp_path, **more).upload(client, wanted, lambda _: None)
            return len(asked) - before

        assert [uploads(), uploads()] == [1, 0]
        assert [uploads(gateway="http://h"), uploads(gateway="http://h")] == [1, 0]
        assert [uploads(now=1e9 + 86_000), uploads(now=1e9 + 86_401)] == [0, 1]
        assert [uploads(now=1e9 + 90_000), uploads(now=1e9)] == [0, 1]
    assert local(tmp_path, gateway="http://i").reference(next(iter(wanted))) is None


def test_an_image_that_the_gateway_refuses_is_remembered(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    digest = local(tmp_path).looked_at([path])[0][path]
    problem = {
        "type": "/problems/invalid-fields",
        "title": "x",
        "errors": [{"field": "image", "message": "is too wide"}],
    }
    with gateway(Answer(422, problem)) as (client, _):
        assert local(tmp_path).upload(client, {digest: path}, print) == {digest: "is too wide"}
    assert local(tmp_path).looked_at([path]) == ({}, {path: "is too wide"})
    assert local(tmp_path, gateway="http://h").looked_at([path]) == ({path: digest}, {})


def test_a_folder_is_a_list_of_its_images(tmp_path: Path) -> None:
    for name in ("b.jpg", "cats/a.PNG", ".hidden/c.jpg", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    lines, others = read_folder(tmp_path, "image", tmp_path / "out")
    assert [(one.custom_id, one.given) for one in lines.all] == [
        ("b", {"input": {"image": "b.jpg"}}),
        ("cats/a", {"input": {"image": "cats/a.PNG"}}),
    ]
    assert others == 1
    (tmp_path / "empty").mkdir()
    with pytest.raises(WrongListError, match="has no image"):
        read_folder(tmp_path / "empty", "image", tmp_path)


def test_results_are_no_images_of_their_folder(tmp_path: Path) -> None:
    for name in (
        "b.jpg",
        "out/b.jpg",
        "before/.segq-batch/state.json",
        "before/x/c.jpg",
        "in/d.jpg",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("out")
    lines, others = read_folder(tmp_path, "image", tmp_path / "link")
    assert [one.custom_id for one in lines.all] == ["b", "in/d"]
    assert others == 0
    # Results are images for another batch, whoever names their folder; also where that is above.
    lines, _ = read_folder(tmp_path / "before", "image", tmp_path)
    assert [one.custom_id for one in lines.all] == ["x/c"]


def test_the_parameter_that_takes_the_images() -> None:
    image, text = {"type": "string", "format": "uri"}, {"type": "string"}

    def of(required: list[str], **properties: dict[str, str]) -> str:
        schema = {"required": required, "properties": properties}
        return image_parameter({"slug": "m", "input_schema": schema})

    assert of([], prompt=text, image=image) == "image"
    assert of(["face"], face=image, mask=image) == "face"
    with pytest.raises(WrongListError, match="m: takes no image"):
        of([], prompt=text)
    with pytest.raises(WrongListError, match=r"several images \(a, b\)"):
        of([], a=image, b=image)


def test_an_image_that_was_changed_since_is_not_sent_for_the_one_that_it_was(
    tmp_path: Path,
) -> None:
    path = picture(tmp_path / "a.png")
    images = local(tmp_path)
    digest = images.looked_at([path])[0][path]
    picture(path, "blue")
    with (
        scripted(Answer(500)) as (url, asked),
        Client(url, "segq_x", tries=1) as client,
        pytest.raises(ChangedImageError, match=r"a\.png was changed meanwhile"),
    ):
        images.upload(client, {digest: path}, lambda _: None)
    assert asked == []
    # It may be what it was again.
    assert local(tmp_path).is_to_upload(digest)
