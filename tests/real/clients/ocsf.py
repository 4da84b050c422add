"""Holds events, a line of JSON each, against the schema of OCSF that `ocsf-json-schema` carries; says what is wrong with them.

    python ocsf.py VERSION < events

Beside what a JSON Schema says (members, sorts, numbers, constraints) it asks that nothing be used which the schema wants
no more, that a word beside a number be the one that the schema has for it, and that a type be of its class and activity.
"""

import json
import sys

import jsonschema
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

OTHER = 99


def beside(path, value, members, schema, found):
    """Notes what a JSON Schema does not know of an object."""
    for name, inner in value.items():
        member = members.get(name)
        if member is None:
            continue
        here = f"{path}.{name}"
        if "@deprecated" in member:
            found.append(f"{here} is no more to be used")
        sibling = value.get(member.get("sibling"))
        if "enum" in member and sibling is not None and inner != OTHER and name != "type_uid":
            wanted = member["enum"].get(str(inner), {}).get("caption")
            if sibling != wanted:
                found.append(f"{here} is {inner}, and beside it stands {sibling!r}, not {wanted!r}")
        if member["type"] == "object_t" and member["object_type"] != "object":
            below = schema["objects"][member["object_type"]]["attributes"]
            for it in inner if member.get("is_array") else [inner]:
                beside(here, it, below, schema, found)


def main():
    schema = get_ocsf_schema(sys.argv[1])
    embedded = OcsfJsonSchemaEmbedded(schema)
    judges, faults, count, classes = {}, {}, 0, {}
    for line in sys.stdin:
        event = json.loads(line)
        count += 1
        name = embedded.lookup_class_name_from_uid(event["class_uid"])
        classes[name] = classes.get(name, 0) + 1
        key = (name, *event["metadata"].get("profiles", []))
        if key not in judges:
            wanted = embedded.get_class_schema(name, list(key[1:]))
            jsonschema.Draft202012Validator.check_schema(wanted)
            judges[key] = jsonschema.Draft202012Validator(wanted)
        found = [f"{it.json_path}: {it.message}" for it in judges[key].iter_errors(event)]
        beside("$", event, schema["classes"][name]["attributes"], schema, found)
        if event["type_uid"] != event["class_uid"] * 100 + event["activity_id"]:
            found.append("type_uid is of another class or activity")
        if not 946684800000 <= event["time"] < 4102444800000:
            found.append("time is no count of milliseconds of this century")
        for it in found:
            faults[it] = faults.get(it, 0) + 1
    print(json.dumps({"version": schema["version"], "events": count, "classes": classes, "faults": faults}))


main()
