"""A proposal as a contract file: TOML with a comment at each guess, saying what it was guessed from."""

import json
from collections.abc import Sequence

from doorbuster.engine.guess.propose import Proposal
from doorbuster.engine.guess.trials import UNITS


def contract_text(proposal: Proposal, name: str, files: Sequence[str], role: str | None) -> str:
    """The contract ``name`` for ``files`` (relative to where it will lie); ``role``: on Supabase, who buys."""
    parts = [
        f"# Proposed by 'doorbuster init': from names and texts, and from what trial orders of {UNITS} units did.\n"
        "# One plain order goes through with it. Read it once: what is wrong here is judged wrong.\n"
        f"name = {_text(name)}\n",
        f"[schema]\nfiles = [{', '.join(map(_text, files))}]\n" + ("supabase = true\n" if role else ""),
    ]
    if role:
        parts.append(
            "# As whom buyers come; row-level security is in force. Others: anon, authenticated.\n"
            f"[session]\nrole = {_text(role)}\n"
        )
    parts += [_shelves(proposal), _place(proposal), _answers(proposal), _buyer(proposal), *_mappings(proposal)]
    refuse = ", ".join(map(_text, proposal.refuse))
    parts.append(
        "# Each was tried, refused, and left nothing. Add what the shop should refuse; it is convicted until it does.\n"
        f"[rules]\nrefuse = [{refuse}]\n"
    )
    return "\n".join(parts)


def _text(value: str) -> str:
    return f"'{value}'" if '"' in value and "'" not in value else json.dumps(value, ensure_ascii=False)


def _block(value: str) -> str:
    return f'"""\n{value}\n"""' if "\n" in value or '"' in value else _text(value)


def _shelves(proposal: Proposal) -> str:
    way = proposal.way
    product = ",\n".join(f"  {_block(sql)}" for sql in way.shelves)
    text = f"# From the tables' columns: a product with N units in stock.\n[shelves]\nproduct = [\n{product},\n]\n"
    customer = ",\n".join(f"  {_block(sql)}" for sql in way.customer)
    return text + (f"customer = [\n{customer},\n]\n" if customer else "")


def _place(proposal: Proposal) -> str:
    notes = "".join(f"#   {note}\n" for note in proposal.notes)
    about = f"# {proposal.called} lowered the stock and wrote an order:\n{notes}"
    if proposal.way.prepare:
        about += f"[place]\nprepare = [\n{''.join(f'  {_block(sql)},{chr(10)}' for sql in proposal.way.prepare)}]\n"
    if proposal.look is None:
        return f"{about}{'' if proposal.way.prepare else f'[place]{chr(10)}'}sql = {_block(proposal.way.place)}\n"
    return (
        f"{about}# It answers the same whether it sold or not, so a second step looks for the order.\n"
        f'[[place.steps]]\nname = "place"\nsql = {_block(proposal.way.place)}\n\n'
        f'[[place.steps]]\nname = "look"\nsql = {_block(proposal.look)}\n'
    )


def _answers(proposal: Proposal) -> str:
    aborted = ", ".join(f'{{ sqlstate = "{code}" }}' for code in ("40001", "40P01", "55P03"))
    rows = [
        f"ok       = {_rules(proposal.ok)}",
        f"sold_out = {_rules(proposal.sold_out)}",
        f"refused  = {_rules(proposal.refused)}",
        f"aborted  = [{aborted}]",
    ]
    if proposal.order_id:
        rows.append(f"order_id = {_text(proposal.order_id)}")
    about = "# Seen: a good order, one with nothing in stock, and orders that are wrong in themselves."
    return f"{about}\n[answers]\n" + "\n".join(rows) + "\n"


def _rules(rules: Sequence[dict[str, str]]) -> str:
    return f"[{', '.join(map(_rule, rules))}]"


def _rule(rule: dict[str, str]) -> str:
    pairs = ", ".join(f"{key} = {_text(value)}" for key, value in rule.items())
    return f"{{ {pairs} }}" if pairs else "{}"


def _buyer(proposal: Proposal) -> str:
    if proposal.keeps_key:
        return (
            "# The same order placed twice under its key made one order: whoever lost an answer may ask again.\n"
            '[buyer]\nretry = ["aborted", "unknown"]\n'
        )
    return (
        "# The same order placed twice made two: without a key, whoever lost an answer must not ask again.\n"
        '[buyer]\nretry = ["aborted"]\n'
    )


def _mappings(proposal: Proposal) -> list[str]:
    effects = proposal.effects
    entries = "\n".join(f"[[stock]]\n{_pairs(entry)}" for entry in effects.stock)
    parts = [f"# {effects.why['stock']}.\n{entries}"]
    if effects.orders:
        parts.append(f"# The row that holds the order's customer, key or number.\n[orders]\n{_pairs(effects.orders)}")
    parts.append(f"# {effects.why['lines']}.\n[lines]\n{_pairs(effects.lines)}")
    if effects.movements:
        parts.append(f"# A new row with {-UNITS}: the ledger of movements.\n[movements]\n{_pairs(effects.movements)}")
    return parts


def _pairs(mapping: dict[str, str]) -> str:
    return "".join(f"{key} = {_block(value)}\n" for key, value in mapping.items())
