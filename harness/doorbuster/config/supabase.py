"""What ``supabase = true`` adds: what a project has before its first migration, and what PostgREST sets."""

import json
from dataclasses import replace

from doorbuster.host.resources import resource
from doorbuster.model.contract import Contract

SETUP = "sql/supabase.sql"


def on_supabase(contract: Contract) -> Contract:
    """``contract`` with the setup before its own files, and its session as a request through the API has it.

    What the contract itself says of the session goes over what is set here. A shop behind HTTP has sessions of its own.
    """
    files = (str(resource(SETUP)), *contract.schema.files)
    placed = replace(contract, schema=replace(contract.schema, files=files))
    if contract.place.http is not None:
        return placed
    role = contract.session["role"]
    claims = {"role": role, "aud": role, "iss": "supabase"}
    if role == "authenticated":
        claims["sub"] = ":customer"
    session = {
        "search_path": '"$user", public, extensions',
        "request.method": "POST",
        "request.path": "/",
        "request.headers": "{}",
        "request.jwt.claims": json.dumps(claims),
        **contract.session,
    }
    return replace(placed, session=session)
