"""click: parse, wire, call the engine, render, exit. No rule lives here."""
