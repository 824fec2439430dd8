"""The source files of both trees, and what each imports."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]


def files(package: str) -> list[Path]:
    """The Python files of a package, by name."""
    return sorted((ROOT / package).rglob("*.py"))


def modules(package: str) -> dict[str, Path]:
    """Every module of a package, by its dotted name."""
    found = {}
    for file in files(package):
        parts = file.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports(file: Path) -> set[str]:
    """The names that a file imports: modules, and what it takes from them, as `module.name`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found
