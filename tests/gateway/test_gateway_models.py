"""What the API says of each model, and that it means it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS31Validator

from api_gateway import documents
from tests.gateway.conftest import SEED_INPUT, SMALL_INPUT, is_problem
from tests.gateway.gateway_process import ROOT, Gateway

SLUGS = ["ssd-1b", "ssd-canny"]
ANY = {
    "ssd-1b": {"prompt": "a boat"},
    "ssd-canny": SMALL_INPUT,
}
# With a third model in a copy of the catalog, in the place of this repository's own.
DESCRIBE = """
import json, sys
from pathlib import Path
from api_gateway.app import create_app
from api_gateway.model_documents import document
from api_gateway.settings import Settings
from jobs import catalog
from logs.stream import configure
configure("describe")  # or its log would stand beside the answer
folder = Path(sys.argv[1])
app = create_app(Settings(f"sqlite:///{folder}/segq.db", "redis://127.0.0.1:1/0", folder / "kept"))
models = [document(model) for model in catalog.MODELS.values()]
print(json.dumps({"openapi": app.openapi(), "models": models}))
"""


@pytest.fixture(scope="session")
def described(gateway: Gateway) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{gateway.url}/openapi.json").json()
    return found


def body_of(described: dict[str, Any]) -> dict[str, Any]:
    operation = described["paths"]["/api/v1/jobs"]["post"]
    content: dict[str, Any] = operation["requestBody"]["content"]["application/json"]
    return content


def fits(described: dict[str, Any], body: dict[str, Any]) -> bool:
    """Whether a body fits what /openapi.json says of a submit."""
    schema = {**body_of(described)["schema"], "components": described["components"]}
    return bool(OAS31Validator(schema).is_valid(body))


def test_the_models_are_listed(client: httpx.Client) -> None:
    listed = client.get("/api/v1/models").json()["models"]
    assert [documents.Model.model_validate(model).slug for model in listed] == SLUGS
    for model in listed:
        assert client.get(f"/api/v1/models/{model['slug']}").json() == model


def test_a_model_says_what_it_takes_costs_and_gives(client: httpx.Client) -> None:
    canny = client.get("/api/v1/models/ssd-canny").json()
    assert canny["price"] == {
        "amount": "0.006", "currency": "USD", "per": "sample", "times": "samples",
    }  # fmt: skip
    assert canny["typical_seconds"] == 5.93
    assert (canny["output"], canny["transport"]) == ("image", "v1")
    assert set(canny["input_schema"]["properties"]) == set(SEED_INPUT)
    assert canny["input_schema"]["required"] == ["image", "prompt"]
    assert canny["example"]["image"].startswith("https://")
    small = client.get("/api/v1/models/ssd-1b").json()
    assert small["price"]["amount"] == "0.004"
    assert small["typical_seconds"] == 2.8
    assert small["input_schema"]["required"] == ["prompt"]
    assert "image" not in small["input_schema"]["properties"]


def test_a_model_that_is_not_there_is_not_found(client: httpx.Client) -> None:
    problem = is_problem(client.get("/api/v1/models/sdxl"), 404, "not-found")
    assert "ssd-canny" in problem["detail"]


def test_a_submit_is_one_shape_for_each_model(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    assert body_of(described)["schema"] == {"$ref": "#/components/schemas/Submit"}
    own = [f"#/components/schemas/Submit-{slug}" for slug in SLUGS]
    assert schemas["Submit"]["oneOf"] == [{"$ref": address} for address in own]
    assert schemas["Submit"]["discriminator"] == {
        "propertyName": "model",
        "mapping": dict(zip(SLUGS, own, strict=True)),
    }
    for slug in SLUGS:
        members = schemas[f"Submit-{slug}"]["properties"]
        assert members["model"]["const"] == slug
        assert members["input"] == {"$ref": f"#/components/schemas/Input-{slug}"}
        assert "priority" in members
        assert schemas[f"Submit-{slug}"]["required"] == ["model", "input"]
        assert schemas[f"Input-{slug}"]["properties"]["samples"] == {
            "type": "integer", "description": "How many images.",
            "default": 1, "minimum": 1, "maximum": 4,
        }  # fmt: skip


def test_the_documents_example_bodies_fit_and_are_accepted(
    described: dict[str, Any], client: httpx.Client
) -> None:
    examples = body_of(described)["examples"]
    assert list(examples) == SLUGS
    for slug, example in examples.items():
        body = example["value"]
        assert body["model"] == slug
        assert body["input"] == client.get(f"/api/v1/models/{slug}").json()["example"]
        assert fits(described, body)
        accepted = client.post("/api/v1/jobs", json=body)
        assert accepted.status_code == 202, accepted.text
        assert accepted.json()["input"] == body["input"]


@pytest.mark.parametrize(
    ("slug", "changes"),
    [
        ("ssd-1b", {"img_width": 512}),
        ("ssd-1b", {"img_height": 1025}),
        ("ssd-1b", {"num_inference_steps": 19}),
        ("ssd-1b", {"image": "https://example.com/a.png"}),
        ("ssd-1b", {"controlnet_scale": 0.5}),
        ("ssd-1b", {"prompt": "  "}),
        ("ssd-canny", {"image": "ftp://example.com/a.png"}),
        ("ssd-canny", {"img_width": 1024}),
        ("ssd-canny", {"samples": 0}),
        ("ssd-canny", {"samples": "1"}),
        ("ssd-canny", {"samples": True}),
        ("ssd-canny", {"scheduler": "Karras"}),
        ("ssd-canny", {"guidance_scale": 25.1}),
        ("ssd-canny", {"controlnet_scale": 7.5}),
        ("ssd-canny", {"seed": -2}),
        ("ssd-canny", {"negative_prompt": "x" * 10_001}),
        ("ssd-canny", {"base64": 0}),
    ],
)
def test_the_document_and_the_api_refuse_alike(
    described: dict[str, Any], client: httpx.Client, slug: str, changes: dict[str, Any]
) -> None:
    assert fits(described, {"model": slug, "input": ANY[slug]})
    body = {"model": slug, "input": {**ANY[slug], **changes}}
    assert not fits(described, body)
    problem = is_problem(client.post("/api/v1/jobs", json=body), 422, "invalid-fields")
    assert [error["field"] for error in problem["errors"]] == [f"input.{name}" for name in changes]


@pytest.mark.parametrize(
    ("around", "is_good"),
    [
        ({}, True),
        ({"run_at": None, "tags": None}, True),
        ({"run_at": "2099-01-02T03:04:05Z", "tags": ["t" * 100]}, True),
        ({"tags": ["t" * 101]}, False),
        ({"max_attempts": 11}, False),
        ({"callback": "https://example.com"}, False),
        ({"model": "sdxl"}, False),
    ],
)
def test_what_stands_around_the_input_is_judged_alike(
    described: dict[str, Any], client: httpx.Client, around: dict[str, Any], is_good: bool
) -> None:
    body = {"model": "ssd-1b", "input": ANY["ssd-1b"], **around}
    assert fits(described, body) is is_good
    assert client.post("/api/v1/jobs", json=body).status_code == (202 if is_good else 422)


def test_a_third_model_is_described_from_its_file_alone(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "jobs", tmp_path / "jobs")
    catalog = tmp_path / "jobs" / "catalog"
    text = (catalog / "ssd-1b.toml").read_text()
    made_up = text.replace('"ssd-1b"', '"made-up"').replace('"0.004"', '"0.5"')
    (catalog / "made-up.toml").write_text(made_up.replace("img_width", "breadth"))
    done = subprocess.run(
        [sys.executable, "-P", "-c", DESCRIBE, str(tmp_path)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = json.loads(done.stdout)
    (model,) = (model for model in found["models"] if model["slug"] == "made-up")
    assert model["price"]["amount"] == "0.5"
    assert "breadth" in model["input_schema"]["properties"]
    body = body_of(found["openapi"])["examples"]["made-up"]["value"]
    assert body == {"model": "made-up", "input": model["example"]}
    assert fits(found["openapi"], body)
    assert not fits(found["openapi"], {**body, "model": "ssd-1b"})
