import base64
import email.message
import email.parser
import email.policy

import httpx

from tests.sandbox.sandbox_process import SandboxProcess, decoded


def parts_of(answer: httpx.Response) -> list[email.message.MIMEPart]:
    kind = answer.headers["content-type"]
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    return list(parser.parsebytes(head + answer.content).iter_parts())


def test_several_raw_samples_come_in_the_form_that_is_set(sandbox: SandboxProcess) -> None:
    texts = sandbox.call(samples=3).json()["image"]
    images = [base64.b64decode(text) for text in texts]

    sandbox.change(samples_form="first")
    first = sandbox.call(samples=3)
    assert first.headers["content-type"] == "image/jpeg"
    assert first.content == images[0]

    sandbox.change(samples_form="multipart")
    several = sandbox.call(samples=3)
    assert several.headers["content-type"].startswith("multipart/mixed; boundary=")
    parts = parts_of(several)
    assert [part.get_content_type() for part in parts] == ["image/jpeg"] * 3
    assert [part.get_payload(decode=True) for part in parts] == images
    assert [int(part["content-length"]) for part in parts] == [len(image) for image in images]

    assert {row["cost"] for row in sandbox.ledger()} == {"0.018"}


def test_one_sample_and_base64_have_their_form_whatever_is_set(sandbox: SandboxProcess) -> None:
    for form in ("first", "multipart"):
        sandbox.change(samples_form=form)
        one = sandbox.call(samples=1)
        assert one.headers["content-type"] == "image/jpeg"
        decoded(one.content)
        assert len(sandbox.call(samples=2, base64=True).json()["image"]) == 2
