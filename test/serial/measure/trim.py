#!/usr/bin/env python3
"""Makes the small record that the tests replay of a full one: trim.py FULL SMALL"""
import json
import sys

# What the machine answers, and not the drivers: open(2) itself, and files that are not opened.
LEFT_OUT = {"open-flags", "open-reopen", "no-touch"}
SERIAL = "type line port irq flags xmit_fifo_size custom_divisor baud_base close_delay closing_wait".split()
CC = "VINTR VQUIT VERASE VKILL VEOF VTIME VMIN VSWTC VSTART VSTOP VSUSP VEOL VREPRINT VDISCARD VWERASE VLNEXT VEOL2".split()


def edges(found):
    """+LINE raised, -LINE dropped; those of one write or request without a gap between them."""
    text = ""
    for number, edge in enumerate(found):
        gap = " " if number and edge.get("afterUs") != 0 else ""
        text += gap + ("+" if edge["level"] else "-") + edge["line"]
    return text


def termios(value):
    """As stty -g writes it, with the speeds behind it."""
    if isinstance(value, str):
        return value
    raw = value["raw"]
    flags = [raw[name] for name in ("iflag", "oflag", "cflag", "lflag")]
    codes = ":".join(format(number, "x") for number in flags + [value["cc"].get(name, 0) for name in CC])
    return f"{codes} {value['ispeed']}/{value['ospeed']}"


def step(full):
    small = {"call": full["call"]}
    for key in ("result", "errno", "value", "transmitted"):
        if key in full:
            small[key] = full[key]
    if full["edges"]:
        small["edges"] = edges(full["edges"])
        if any(edge.get("late") for edge in full["edges"]):
            small["late"] = True
    if "modem" in full:
        small["modem"] = full["modem"] if isinstance(full["modem"], str) else "+".join(full["modem"])
    if "termios" in full and full["termios"] != "unchanged":
        small["termios"] = termios(full["termios"])
    if "serial" in full:
        small["serial"] = " ".join(f"{name}={full['serial'][name]}" for name in SERIAL)
    if "icount" in full:
        small["icount"] = " ".join(f"{name}={full['icount'][name]}" for name in ("cts", "dsr", "rng", "dcd", "rx", "tx"))
    return small


def main(full_path, small_path):
    full = json.load(open(full_path))
    small = {
        "driver": full["driver"],
        "kernel": full["kernel"],
        "initial": full["initialLevels"],
        "cases": [
            {"name": case["name"], "steps": [step(one) for one in case["steps"]]}
            for case in full["cases"]
            if case["name"] not in LEFT_OUT
        ],
    }
    with open(small_path, "w") as out:
        json.dump(small, out, indent=1)
        out.write("\n")


main(*sys.argv[1:])
