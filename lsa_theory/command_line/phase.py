"""`lsa phase`: a ready-made phase diagram."""

from __future__ import annotations

import argparse
import inspect
import io
from typing import Any

import numpy as np

from lsa_theory.command_line import arguments as given
from lsa_theory.command_line import diagrams
from lsa_theory.command_line.answer import Answer, Table, number
from lsa_theory.command_line.parsing import Parser
from lsa_theory.extras import required
from lsa_theory.phase import DIAGRAMS


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--list", action="store_true", help="list the diagrams and stop")
    given.answer_arguments(parser)
    parser.set_defaults(plot=None)
    named = parser.add_subparsers(dest="diagram", metavar="NAME", parser_class=Parser)
    for name, function in DIAGRAMS.items():
        summary = _summary(function)
        one = named.add_parser(name, help=summary, description=f"{summary}.")
        group = one.add_argument_group(
            "settings",
            f"VALUES are {diagrams.GRID_HELP} (of lengths: the integers "
            "nearest to these, each once); SPEC is as in lsa minimum --help",
        )
        taken = diagrams.arguments(group, function)
        _sweep_arguments(one)
        one.set_defaults(taken=taken)


def _summary(function: Any) -> str:
    first = (inspect.getdoc(function) or "").split("\n\n")[0]
    return diagrams.plain(first).rstrip(".")


def _sweep_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("sweep").add_argument
    add("--store", metavar="FOLDER", help="keeps finished parts, and goes on there when run again")
    add("--scheduler", metavar="ADDRESS", help="of a Dask cluster (default: this process)")
    add("--cells-per-shard", type=given.integer(1), metavar="COUNT", help="at most, in one part")
    add("--progress", action=argparse.BooleanOptionalAction, help="(default: on a terminal)")
    add("--out", type=given.file(".nc"), metavar="FILE", help="the grid of values, to NetCDF")
    given.answer_arguments(parser, plot="the diagram", default=argparse.SUPPRESS)


def answer(options: argparse.Namespace) -> Answer:
    if options.list or options.diagram is None:
        return _listed()
    if options.out is not None:
        required("--out", "h5netcdf", "sweep")  # before anything is computed
    try:
        diagram = DIAGRAMS[options.diagram](**_settings(options))
    except ValueError as error:
        if str(error).startswith("sweep(scheduler="):  # a failure, and not of this command line
            raise ConnectionError(str(error)) from error
        raise
    made = Answer(_data(diagram), _tables(diagram), figure=diagram.figure)
    if options.out is not None:
        made.files[options.out] = lambda: _netcdf(diagram)
    return made


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    found = {name: getattr(options, name) for name in options.taken if hasattr(options, name)}
    for name in ("store", "scheduler", "cells_per_shard", "progress"):
        if getattr(options, name) is not None:
            found[name] = getattr(options, name)
    return found


def _netcdf(diagram: Any) -> bytes:
    """Made in memory: HDF5 crashes the process where a disk is full. How `to_netcdf` does that
    depends on the version of xarray."""
    from xarray.backends import H5NetCDFStore

    file = io.BytesIO()
    with required("--out", "h5netcdf", "sweep").File(file, "w") as whole:
        diagram.data.dump_to_store(H5NetCDFStore(whole))
    return file.getvalue()


def _listed() -> Answer:
    names = {name: _summary(function) for name, function in DIAGRAMS.items()}
    return Answer({"diagrams": names}, [Table("Diagrams", (), list(names.items()))])


# --- what is said of a diagram ---


def _data(diagram: Any) -> dict[str, Any]:
    data = diagram.data
    return {
        "name": diagram.name,
        "title": diagram.title,
        "notes": list(diagram.notes),
        "variable": diagram.variable,
        "axes": [_axis(data[name]) for name in (diagram.x, diagram.y)],
        "variables": {name: _range(np.asarray(data[name])) for name in data.data_vars},
        "boundaries": [
            {"label": one.label, "x": np.asarray(one.x), "y": np.asarray(one.y)}
            for one in diagram.boundaries
        ],
        "points": None if diagram.points is None else _points(diagram),
        "attributes": dict(data.attrs),
    }


def _axis(coordinate: Any) -> dict[str, Any]:
    return {
        "name": coordinate.name,
        "label": coordinate.attrs.get("long_name", ""),
        "symbol": coordinate.attrs.get("symbol", ""),
        "units": coordinate.attrs.get("units", ""),
        "values": np.asarray(coordinate, dtype=float),
    }


def _range(values: np.ndarray) -> dict[str, Any]:
    finite = values[np.isfinite(values)]
    least, most = (finite.min(), finite.max()) if finite.size else (np.nan, np.nan)
    return {
        "cells": int(values.size),
        "least": float(least),
        "most": float(most),
        "infinite": int(np.isinf(values).sum()),
        "missing": int(np.isnan(values).sum()),
    }


def _points(diagram: Any) -> dict[str, Any]:
    points, variable = diagram.points, diagram.variable
    names = {"x": diagram.x, "y": diagram.y, "value": variable, "error": f"{variable}_error"}
    return {key: np.ravel(points[name]) for key, name in names.items()}


def _tables(diagram: Any) -> list[Table]:
    data = _data(diagram)
    axes = [
        (one["name"], one["label"], str(len(one["values"])), *_ends(one["values"]))
        for one in data["axes"]
    ]
    variables = [
        (name, *(number(one[key]) for key in ("cells", "least", "most", "infinite", "missing")))
        for name, one in data["variables"].items()
    ]
    title = "\n".join([diagram.title, *(f"  {diagrams.formulas(note)}" for note in diagram.notes)])
    tables = [
        Table(title, (), ()),
        Table("Axes", ("coordinate", "", "values", "from", "to"), axes),
        Table("Values", ("variable", "cells", "least", "most", "infinite", "missing"), variables),
    ]
    curves = [(one["label"], *_span(one["x"]), *_span(one["y"])) for one in data["boundaries"]]
    if curves:
        (x, y) = (one["name"] for one in data["axes"])
        columns = ("boundary", f"{x} from", "to", f"{y} from", "to")
        tables.append(Table("Boundaries, from roots", columns, curves))
    if data["points"] is not None:
        tables.append(Table(f"Sampled points: {len(data['points']['value'])}", (), ()))
    return tables


def _ends(values: np.ndarray) -> tuple[str, str]:
    return number(values[0], 4), number(values[-1], 4)


def _span(values: np.ndarray) -> tuple[str, str]:
    finite = values[np.isfinite(values)]
    return (number(finite.min(), 4), number(finite.max(), 4)) if finite.size else ("", "")
