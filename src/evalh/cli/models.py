"""`evalh models`: the names that models have."""

from __future__ import annotations

import os
from typing import Any

import click

from evalh.cli import options


@click.group("models")
def group() -> None:
    """Models that have a name.

    \b
    Examples:
      evalh models list
      evalh models show vicuna
    """


def _rows() -> list[dict[str, Any]]:
    from evalh.core import config, models

    user = config.load()
    rows = []
    for name in dict.fromkeys([*user.models, *models.catalog()]):
        spec = models.resolve(name, user, os.environ)
        rows.append(
            {
                "name": name,
                "provider": spec.provider,
                "model": spec.model,
                "base_url": spec.base_url,
                "origin": str(user.path) if name in user.models else "catalogue",
                "price": {"input": spec.price.input, "output": spec.price.output} if spec.price else None,
                "missing": models.missing([("model", spec)], os.environ),
            }
        )
    return rows


@group.command("list")
@options.FORMAT
def list_(shape: str) -> None:
    """The models there are, and whether each can be reached.

    Those of evalh.toml come first, then those of the catalogue.

    \b
    Example:
      evalh models list
    """
    rows = _rows()
    if shape == "json":
        click.echo(options.as_json({"schema": 1, "models": rows}))
        return
    for r in rows:
        state = "ready" if not r["missing"] else "needs a key or an address: evalh models show " + r["name"]
        click.echo(f"{r['name']:<16} {r['provider']}:{r['model']}  ({r['origin']}; {state})")


@group.command("show")
@click.argument("name", metavar="MODEL")
def show(name: str) -> None:
    """What a name or a spec means, and what is missing to reach it.

    \b
    Example:
      evalh models show vicuna
    """
    from evalh.core import config, models

    spec = models.resolve(name, config.load(), os.environ)
    price = spec.price and f"{spec.price.input:g} in, {spec.price.output:g} out (dollars per million tokens)"
    for key, value in {**spec.identity(), "api_key_env": spec.api_key_env, "price": price}.items():
        if value:
            click.echo(f"{key}: {value}")
    for fault in models.missing([("model", spec)], os.environ):
        click.echo(f"missing: {fault}")
