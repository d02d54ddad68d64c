"""The check of deploy/ finds an invalid type and an unknown field. Small schemas replace those of the tools."""

import json

import yaml

from dev import deploy_schemas

COMPOSE = {"type": "object", "properties": {"services": {"type": "object"}}, "required": ["services"]}


def definition(fields):
    """Return a definition like KubeRay's, whose spec has the given fields and no other."""
    template = {
        "type": "object",
        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    head = {"type": "object", "properties": {"template": template}}
    head |= {"x-kubernetes-preserve-unknown-fields": True}
    spec = {"type": "object", "properties": {"headGroupSpec": head, **{name: {} for name in fields}}}
    names = ("apiVersion", "kind", "metadata")
    schema = {"type": "object", "properties": {**{name: {} for name in names}, "spec": spec}}
    return {"spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": schema}}]}}


def test_a_compose_file_has_the_fields_and_types_of_its_schema(tmp_path):
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps(COMPOSE))
    assert list(deploy_schemas.compose(schema)) == []
    schema.write_text(json.dumps(COMPOSE | {"properties": {"services": {"type": "array"}}}))
    [error] = deploy_schemas.compose(schema)
    assert error.startswith("services: ") and error.endswith("is not of type 'array'")


def test_a_field_that_the_definition_does_not_name_is_an_error(tmp_path):
    cluster, _ = yaml.safe_load_all((deploy_schemas.DEPLOY / "kuberay.yaml").read_text())
    fields = [name for name in cluster["spec"] if name != "headGroupSpec"]
    file = tmp_path / "crd.yaml"
    file.write_text(yaml.safe_dump(definition(fields)))
    assert list(deploy_schemas.kuberay(file)) == []
    file.write_text(yaml.safe_dump(definition(fields[1:])))
    [error] = deploy_schemas.kuberay(file)
    assert fields[0] in error
