"""Reads Bicep files without the compiler: symbols, modules and their parameters, outputs, descriptions, types.

The files keep to a plain subset: `param`, `var`, `resource`, `module`, `output`, no imports and no extensions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

from tests.support.bicep_types import UNKNOWN, type_problems

PARSER = Parser(Language(tree_sitter_bicep.language()))
DECLARATIONS = {
    "parameter_declaration": "param",
    "variable_declaration": "var",
    "resource_declaration": "resource",
    "module_declaration": "module",
    "output_declaration": "output",
}
FUNCTIONS = {
    "az", "cidrSubnet", "concat", "empty", "environment", "format", "guid", "items", "json", "loadJsonContent",
    "loadTextContent", "map", "replace", "resourceGroup", "resourceId", "split", "string", "subscription",
    "subscriptionResourceId", "tenant", "toLower", "union", "uniqueString", "utcNow",
}  # fmt: skip
"""Functions of the language that the files use."""
LISTING = re.compile(r"\blist[A-Z]\w*\(")


@dataclass
class Declaration:
    kind: str
    name: str
    node: Node
    decorators: str = ""

    @property
    def target(self) -> str:
        """Type of a resource with its version, or path of a module."""
        found = next((child for child in self.node.named_children if child.type == "string"), None)
        return "" if found is None else text(found).strip("'")

    @property
    def body(self) -> Node | None:
        return first_object(self.node)

    @property
    def has_default(self) -> bool:
        return any(text(child) == "=" for child in self.node.children)


@dataclass
class Source:
    path: Path
    tree: Node
    declared: list[Declaration] = field(default_factory=list)

    def of(self, kind: str) -> dict[str, Declaration]:
        return {one.name: one for one in self.declared if one.kind == kind}


def text(node: Node) -> str:
    return "" if node.text is None else node.text.decode()


def first_object(node: Node) -> Node | None:
    for child in node.named_children:
        if child.type == "object":
            return child
        if child.type in ("if_statement", "for_statement") and (found := first_object(child)) is not None:
            return found
    return None


def read(path: Path) -> Source:
    source = Source(path, PARSER.parse(path.read_bytes()).root_node)
    decorators: list[str] = []
    for node in source.tree.named_children:
        if node.type == "decorators":
            decorators.append(text(node))
        elif node.type in DECLARATIONS:
            name = next(child for child in node.named_children if child.type == "identifier")
            source.declared.append(Declaration(DECLARATIONS[node.type], text(name), node, "\n".join(decorators)))
            decorators = []
    return source


def problems(source: Source, types: Mapping[str, Any] | None = None) -> Iterator[str]:
    """Yield what is wrong with a file."""
    name = source.path.name
    if source.tree.has_error:
        yield f"{name}: cannot be parsed"
        return
    for found in (*_symbols(source), *_descriptions(source), *_modules(source), *_secrets(source)):
        yield f"{name}: {found}"
    if types is not None:
        for one in source.of("resource").values():
            if one.body is not None and " existing " not in text(one.node).partition("{")[0]:
                for found in type_problems(one.target, _inherited(one.body), types):
                    yield f"{name}: {found}"


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.named_children:
        yield from walk(child)


def _uses(node: Node, inner: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the names that an expression uses, without those that it binds itself."""
    if node.type in ("for_statement", "lambda_expression"):
        bound = {text(one) for one in walk(node) if one.type in ("loop_variable", "loop_enumerator")}
        if node.named_children[0].type == "identifier" or not bound:
            bound.add(text(node.named_children[0]))
        inner = inner | bound
    for index, child in enumerate(node.named_children):
        if child.type == "identifier":
            is_key = node.type == "object_property" and index == 0
            is_own = node.type in DECLARATIONS and index == 0
            if not is_key and not is_own and text(child) not in inner:
                yield text(child)
        elif child.type not in ("decorators", "type"):
            yield from _uses(child, inner)


def _symbols(source: Source) -> Iterator[str]:
    named = [one.name for one in source.declared if one.kind != "output"]
    outputs = [one.name for one in source.declared if one.kind == "output"]
    for names in (named, outputs):
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"{name} is declared twice"
    used = {name for one in source.declared for name in _uses(one.node)}
    for name in sorted(used - set(named) - FUNCTIONS):
        yield f"{name} is not declared"
    for one in source.declared:
        existing = one.kind == "resource" and " existing " in text(one.node).partition("{")[0]
        if (one.kind in ("param", "var") or existing) and one.name not in used:
            yield f"{one.name} is not used"


def _descriptions(source: Source) -> Iterator[str]:
    for one in source.declared:
        if one.kind in ("param", "output") and "@description(" not in one.decorators:
            yield f"{one.name} has no description"


def _secrets(source: Source) -> Iterator[str]:
    secure = {one.name for one in source.declared if "@secure()" in one.decorators}
    for one in source.declared:
        if one.kind == "param" and one.name in secure and one.has_default:
            yield f"{one.name} is secure and has a default"
        if one.kind == "param" and re.search("secret|password|key$", one.name, re.I) and one.name not in secure:
            yield f"{one.name} is not secure"
        if one.kind == "output" and (set(_uses(one.node)) & secure or re.search("secret|password", one.name, re.I)):
            yield f"the output {one.name} gives a secret away"
        if LISTING.search(text(one.node)):
            yield f"{one.name} asks for keys"


def _modules(source: Source) -> Iterator[str]:
    modules: dict[str, Source] = {}
    for one in source.of("module").values():
        path = source.path.parent / one.target
        if not path.exists():
            yield f"there is no module {one.target}"
            continue
        modules[one.name] = target = read(path)
        taken = target.of("param")
        given = _inherited(one.body).get("params", {}) if one.body is not None else {}
        names = set(given) if isinstance(given, dict) else set()
        for name in sorted(names - set(taken)):
            yield f"{one.target} has no parameter {name}"
        for name, parameter in taken.items():
            if name not in names and not parameter.has_default:
                yield f"{one.target} is not given {name}"
    for module, output in re.findall(r"(\w+)!?\.outputs\.(\w+)", text(source.tree)):
        if module in modules and output not in modules[module].of("output"):
            yield f"{module} has no output {output}"


def _inherited(node: Node) -> dict[str, Any]:
    """Return an object as Python values; an expression is `UNKNOWN`."""
    return {
        text(one.named_children[0]).strip("'"): _value(one.named_children[1])
        for one in node.named_children
        if one.type == "object_property" and len(one.named_children) == 2
    }


def _value(node: Node) -> Any:
    match node.type:
        case "object":
            return _inherited(node)
        case "array":
            return [_value(one) for one in node.named_children if one.type != "comment"]
        case "string" if not any(one.type == "interpolation" for one in walk(node)):
            return text(node)[1:-1]
        case "number":
            return int(text(node))
        case "boolean":
            return text(node) == "true"
        case "null":
            return None
        case _:
            return UNKNOWN
