"""Holds the objects of manifests against the definitions of custom resources (CRDs) in a folder.

    python spinkube.py FOLDER MANIFEST…
"""

import pathlib
import sys

import jsonschema
import yaml


def only_known_fields(schema):
    """A cluster drops a field that is not described; here it is a fault."""
    if isinstance(schema, list):
        for part in schema:
            only_known_fields(part)
    if isinstance(schema, dict):
        if schema.get("x-kubernetes-int-or-string"):
            schema.pop("type", None)
        if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
        for part in schema.values():
            only_known_fields(part)


def definitions(folder):
    for file in pathlib.Path(folder).glob("*.yaml"):
        spec = yaml.safe_load(file.read_text())["spec"]
        for version in spec["versions"]:
            schema = version["schema"]["openAPIV3Schema"]
            only_known_fields(schema)
            # Kubernetes' own, described elsewhere.
            schema["properties"]["metadata"] = {"type": "object"}
            yield (f"{spec['group']}/{version['name']}", spec["names"]["kind"]), schema


known = dict(definitions(sys.argv[1]))
faults = 0
for manifest in sys.argv[2:]:
    for item in yaml.safe_load_all(pathlib.Path(manifest).read_text()):
        kind = item["apiVersion"], item["kind"]
        if kind not in known:
            sys.exit(f"{sys.argv[1]} has no definition of {' '.join(kind)}")
        found = list(jsonschema.Draft7Validator(known[kind]).iter_errors(item))
        for fault in found:
            print(f"{manifest}: {'/'.join(map(str, fault.absolute_path))}: {fault.message}")
        if not found:
            print(f"{manifest}: {kind[1]} is as {kind[0]} has it")
        faults += len(found)
sys.exit(faults > 0)
