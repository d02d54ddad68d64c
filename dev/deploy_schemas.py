"""Check the files of deploy/ against the schemas of their tools.

    python -m dev.deploy_schemas --compose compose-spec.json --kuberay ray.io_rayclusters.yaml [--skypilot PYTHON]

compose-spec.json comes from github.com/compose-spec/compose-spec (schema/), ray.io_rayclusters.yaml from
github.com/ray-project/kuberay (helm-chart/kuberay-operator/crds/). PYTHON is an interpreter with SkyPilot, which has
its schema in the package. Unknown fields are errors, as with `kubectl apply --validate=strict`.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import yaml

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
_SKYPILOT = (
    "import sys, yaml; from sky.utils import schemas; import jsonschema; "
    "jsonschema.validate(yaml.safe_load(open(sys.argv[1])), schemas.get_task_schema())"
)


def compose(schema: Path) -> Iterator[str]:
    """Yield the errors of docker-compose.yaml."""
    content = yaml.safe_load((DEPLOY / "docker-compose.yaml").read_text())
    yield from _errors(json.loads(schema.read_text()), content)


def kuberay(definition: Path) -> Iterator[str]:
    """Yield the errors of kuberay.yaml. The pod of its job has the schema of the cluster's pods."""
    versions = yaml.safe_load(definition.read_text())["spec"]["versions"]
    [schema] = [version["schema"]["openAPIV3Schema"] for version in versions if version["name"] == "v1"]
    _be_strict(schema)
    schema["properties"]["metadata"] = {}  # Kubernetes' own schema, which the definition leaves open
    cluster, job = yaml.safe_load_all((DEPLOY / "kuberay.yaml").read_text())
    yield from _errors(schema, cluster)
    pod = schema["properties"]["spec"]["properties"]["headGroupSpec"]["properties"]["template"]["properties"]["spec"]
    yield from _errors(pod, job["spec"]["template"]["spec"])


def skypilot(python: Path) -> Iterator[str]:
    """Yield the error of skypilot.yaml."""
    command = [str(python), "-c", _SKYPILOT, str(DEPLOY / "skypilot.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        yield done.stderr.strip()[-1000:]


def _be_strict(node: Any) -> None:
    """Let a Kubernetes schema refuse fields that it does not name, and accept numbers and texts where it takes both."""
    if isinstance(node, dict):
        open_ended = "additionalProperties" in node or node.get("x-kubernetes-preserve-unknown-fields")
        if node.get("type") == "object" and "properties" in node and not open_ended:
            node["additionalProperties"] = False
        if node.get("x-kubernetes-int-or-string"):
            node.pop("type", None)
    if isinstance(node, dict | list):
        for child in node.values() if isinstance(node, dict) else node:
            _be_strict(child)


def _errors(schema: dict[str, Any], content: Any) -> Iterator[str]:
    for error in jsonschema.Draft7Validator(schema).iter_errors(content):
        yield f"{'.'.join(map(str, error.path))}: {error.message[-300:]}"


CHECKS = {"compose": compose, "kuberay": kuberay, "skypilot": skypilot}


def main() -> int:
    """Print a line for each file, and return 1 if one has an error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in CHECKS:
        parser.add_argument(f"--{name}", type=Path)
    chosen = {name: path for name, path in vars(parser.parse_args()).items() if path}
    if not chosen:
        parser.error("name a schema")
    failed = False
    for name, path in chosen.items():
        errors = list(CHECKS[name](path))
        failed = failed or bool(errors)
        print(f"{name}: {'; '.join(errors) if errors else 'fits its schema'}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
