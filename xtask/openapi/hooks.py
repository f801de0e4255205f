"""What the fuzz of the API knows of the demo, so that it gets past "there is no such document".

schemathesis makes requests of what /openapi.json says; most ids that it makes up are nobody's.
Here a part of them is replaced by some that are there. Which ones follows from what it made up, so
that a run can be repeated.

STRATUS_URL is where the program listens, STRATUS_ADMIN_TOKEN its token, and STRATUS_SUCCESSES how
many requests must succeed: a fuzz that is always refused proves nothing.
"""

import atexit
import collections
import json
import os
import re
import sys
import urllib.request
import zlib

import schemathesis
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

URL = os.environ["STRATUS_URL"]
TOKEN = os.environ["STRATUS_ADMIN_TOKEN"]
SUCCESSES = int(os.environ["STRATUS_SUCCESSES"])
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# What takes a document away, and may do so with few of them only.
TAKES_AWAY = {"trash", "erase"}


def read(path):
    request = urllib.request.Request(URL + path, headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["data"]


COLLECTIONS = {it["name"]: it["fields"] for it in read("/api")}
DOCUMENTS = {name: read(f"/api/{name}?state=draft&limit=100") for name in COLLECTIONS}
IDS = {name: [it["id"] for it in documents] for name, documents in DOCUMENTS.items()}
SLUGS = {name: [it["slug"] for it in documents if it["slug"]] for name, documents in DOCUMENTS.items()}


def number(made_up):
    return zlib.crc32(repr(made_up).encode("utf-8", "backslashreplace"))


def one_of(things, made_up):
    return things[number(made_up) // 8 % len(things)]


def mostly(made_up):
    """Seven times in eight."""
    return number(made_up) % 8 != 0


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """The document is one of OpenAPI; and nothing but the fields that it names is made up."""
    faults = [f"{it.instance_path}: {it.message}" for it in OPENAPI_31_VALIDATOR.iter_errors(raw_schema)]
    assert not faults, "\n".join(faults)
    for name, schema in raw_schema["components"]["schemas"].items():
        if name.endswith(("_Input", "_Patch")):
            schema["properties"]["fields"]["additionalProperties"] = False


@schemathesis.hook
def before_call(context, case, kwargs):
    parts = case.operation.path.split("/")
    collection = parts[2] if len(parts) > 2 and parts[1] == "api" else None
    if collection is not None:
        name = case.operation.definition.raw["operationId"].split("_")[0]
        case.path_parameters = address(collection, name, case.path_parameters)
    for parameters, names in ((case.headers, ["Stratus-Bookmark"]), (case.query, ["after", "before"])):
        for name in names:
            # Made up, they are always refused.
            if parameters and name in parameters and mostly(parameters[name]):
                del parameters[name]
    if isinstance(case.body, dict):
        case.body = body(collection, case.body)


def address(collection, name, made_up):
    made_up = dict(made_up or {})
    id, slug = made_up.get("id"), made_up.get("slug")
    if isinstance(id, str) and UUID.fullmatch(id) and mostly(id) != (name in TAKES_AWAY):
        made_up["id"] = one_of(IDS[collection], id)
    if isinstance(slug, str) and SLUG.fullmatch(slug) and mostly(slug) and SLUGS[collection]:
        made_up["slug"] = one_of(SLUGS[collection], slug)
    return made_up


def body(collection, made_up):
    """References to what is there, and none where most would be wrong."""
    made_up = dict(made_up)
    for name in ("parent", "translationOf", "after", "before"):
        if name in made_up and mostly(made_up[name]):
            del made_up[name]
    fields = made_up.get("fields")
    if collection is not None and isinstance(fields, dict):
        fields = dict(fields)
        for name, definition in COLLECTIONS[collection].items():
            target = definition.get("to")
            if target is not None and name in fields:
                fields[name] = references(target, fields[name])
        made_up["fields"] = fields
    return made_up


def references(target, made_up):
    if isinstance(made_up, list):
        found = [references(target, it) for it in made_up]
        return list(dict.fromkeys(found)) if all(isinstance(it, str) for it in found) else found
    is_id = isinstance(made_up, str) and UUID.fullmatch(made_up)
    return one_of(IDS[target], made_up) if is_id and mostly(made_up) else made_up


ANSWERS = collections.Counter()


@schemathesis.hook
def after_call(context, case, response):
    ANSWERS[response.status_code] += 1


@atexit.register
def summarize():
    successes = sum(count for status, count in ANSWERS.items() if status < 400)
    print("answers:", ", ".join(f"{count} × {status}" for status, count in sorted(ANSWERS.items())), flush=True)
    if successes < SUCCESSES:
        print(f"only {successes} requests succeeded, of {SUCCESSES} or more", file=sys.stderr, flush=True)
        os._exit(1)
