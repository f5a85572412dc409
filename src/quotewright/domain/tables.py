"""State of the core as named tables that compiled code takes as one pointer.

Numba passes a tuple of arrays by value, seven words an array, at every call that is not inlined: for the state of an
engine that costs more than the work done. `Tables` is passed as the address of its directory (for each table where it
begins and how many rows it has), so a call costs one word however many tables there are.

In kernels `state.orders[slot].price` reads and writes in place, `len(state.orders)` counts rows, and
`state.params[a:b]` is an array over the same memory. Indices are not checked and negative ones mean nothing.
Interpreted, the same expressions work on the arrays themselves.
"""

# pyright: basic
# numba has no type stubs.

from __future__ import annotations

import hashlib
import operator
from typing import Any, ClassVar

import numpy as np
from llvmlite import ir
from numba.core import cgutils, imputils, types
from numba.core.typing import templates
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_getattr, signature
from numba.extending import (
    NativeValue,
    intrinsic,
    models,
    overload,
    register_model,
    typeof_impl,
    unbox,
)
from numba.np import numpy_support
from numba.np.arrayobj import make_array, populate_array

from quotewright.domain.kernel import INTERPRETED

infer_global: Any = templates.infer_global
lower_builtin: Any = imputils.lower_builtin
lower_getattr_generic: Any = imputils.lower_getattr_generic


class Tables:
    """Named one-dimensional arrays; a subclass names its tables by annotations, in order.

    Raises TypeError for missing or unknown tables, and for arrays that are not contiguous.
    """

    FIELDS: ClassVar[tuple[str, ...]] = ()
    _directory: Any
    _address: int
    _held: Any

    def __init_subclass__(cls) -> None:
        cls.FIELDS = tuple(cls.__annotations__)

    def __init__(self, **arrays: Any) -> None:
        if set(arrays) != set(self.FIELDS):
            raise TypeError(f"{type(self).__name__} takes exactly {', '.join(self.FIELDS)}")
        directory = np.zeros((len(self.FIELDS), 2), np.int64)
        object.__setattr__(self, "_directory", directory)
        object.__setattr__(self, "_address", int(directory.ctypes.data))
        for name in self.FIELDS:
            self.replace(name, arrays[name])

    def replace(self, name: str, array: Any) -> None:
        """Put another array in a table's place; never while a kernel runs."""
        object.__setattr__(self, name, array)
        if INTERPRETED:
            return
        if array.ndim != 1 or not array.flags.c_contiguous:
            raise TypeError(f"table {name} must be one-dimensional and contiguous")
        self._directory[self.FIELDS.index(name)] = array.ctypes.data, len(array)

    def keep_alive(self, held: Any) -> None:
        """Hold on to something of which a table has only the address."""
        object.__setattr__(self, "_held", held)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"write into {name}, or `replace` it: compiled code knows a table by its address")


class TablesType(types.Type):
    """The compiled type of one subclass of Tables."""

    def __init__(self, name: str, fields: tuple[tuple[str, Any], ...]) -> None:
        self.fields = fields
        digest = hashlib.sha256(repr(fields).encode()).hexdigest()[:16]
        # Not the fields themselves: the name is part of the name of every function that is compiled for it.
        super().__init__(name=f"Tables({name}, {digest})")


class TableType(types.Type):
    """One table inside a Tables."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Table({dtype})")


_known: dict[tuple[Any, ...], TablesType] = {}


@typeof_impl.register(Tables)
def _typeof_tables(tables: Tables, _context: Any) -> TablesType:
    key = (type(tables).__name__, *(getattr(tables, name).dtype for name in tables.FIELDS))
    if key not in _known:
        fields = tuple((name, numpy_support.from_dtype(getattr(tables, name).dtype)) for name in tables.FIELDS)
        _known[key] = TablesType(type(tables).__name__, fields)
    return _known[key]


@register_model(TablesType)
class _TablesModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, ir.IntType(64).as_pointer())


@register_model(TableType)
class _TableModel(models.StructModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, [("data", types.voidptr), ("rows", types.int64)])


@unbox(TablesType)
def _unbox_tables(_typ: Any, obj: Any, c: Any) -> NativeValue:
    held = c.pyapi.object_getattr_string(obj, "_address")
    address = c.pyapi.long_as_longlong(held)
    c.pyapi.decref(held)
    return NativeValue(c.builder.inttoptr(address, ir.IntType(64).as_pointer()), is_error=c.pyapi.c_api_error())


@infer_getattr
class _TablesAttributes(AttributeTemplate):
    key = TablesType

    def generic_resolve(self, typ: Any, attr: str) -> Any:
        dtype = dict(typ.fields).get(attr)
        return None if dtype is None else TableType(dtype)


@lower_getattr_generic(TablesType)
def _get_table(context: Any, builder: Any, typ: Any, value: Any, attr: str) -> Any:
    index = [name for name, _ in typ.fields].index(attr)
    table = cgutils.create_struct_proxy(TableType(typ.fields[index][1]))(context, builder)
    word = ir.IntType(64)
    found = []
    for offset in (2 * index, 2 * index + 1):
        loaded = builder.load(builder.gep(value, [ir.Constant(word, offset)]))
        loaded.set_metadata("invariant.load", builder.module.add_metadata([]))  # the directory never changes
        found.append(loaded)
    table.data = builder.inttoptr(found[0], cgutils.voidptr_t)
    table.rows = found[1]
    return table._getvalue()


@infer_global(operator.getitem)
class _TableGetItem(AbstractTemplate):
    def generic(self, args: Any, _kws: Any) -> Any:
        table, index = args
        if isinstance(table, TableType):
            if isinstance(index, types.Integer):
                return signature(table.dtype, table, types.intp)
            if isinstance(index, types.SliceType):
                return signature(types.Array(table.dtype, 1, "C"), table, types.slice2_type)
        return None


@infer_global(operator.setitem)
class _TableSetItem(AbstractTemplate):
    def generic(self, args: Any, _kws: Any) -> Any:
        table, index, value = args
        if isinstance(table, TableType) and isinstance(index, types.Integer) and isinstance(value, types.Number):
            return signature(types.none, table, types.intp, table.dtype)
        return None


def _place(context: Any, builder: Any, typ: Any, value: Any, index: Any) -> Any:
    table = cgutils.create_struct_proxy(typ)(context, builder, value=value)
    base = builder.bitcast(table.data, context.get_data_type(typ.dtype).as_pointer())
    return builder.gep(base, [index])


@lower_builtin(operator.getitem, TableType, types.intp)
def _get_row(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    typ = sig.args[0]
    return context.unpack_value(builder, typ.dtype, _place(context, builder, typ, *args))


@lower_builtin(operator.setitem, TableType, types.intp, types.Any)
def _set_row(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    typ = sig.args[0]
    table, index, value = args
    context.pack_value(builder, typ.dtype, value, _place(context, builder, typ, table, index))
    return context.get_dummy_value()


@lower_builtin(operator.getitem, TableType, types.slice2_type)
def _get_part(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    typ = sig.args[0]
    part = context.make_helper(builder, types.slice2_type, value=args[1])
    rows = builder.sub(part.stop, part.start)
    array = make_array(sig.return_type)(context, builder)
    size = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(typ.dtype)))
    populate_array(
        array,
        data=_place(context, builder, typ, args[0], part.start),
        shape=cgutils.pack_array(builder, [rows]),
        strides=cgutils.pack_array(builder, [size]),
        itemsize=size,
        meminfo=None,
        parent=None,
    )
    return array._getvalue()


@intrinsic
def _count_rows(_typing: Any, table: Any) -> Any:
    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return cgutils.create_struct_proxy(sig.args[0])(context, builder, value=args[0]).rows

    return types.int64(table), build


count_rows: Any = _count_rows


@overload(len)
def _len_of_table(table):
    if isinstance(table, TableType):
        return lambda table: count_rows(table)
    return None


def function_caller(sig: Any) -> Any:
    """A function `call(functions, index, *args)` that calls the index-th function of a table of addresses.

    The addresses are those of compiled functions of the signature `sig`, which returns nothing. Interpreted,
    `functions` is a list of Python functions.
    """

    def call(functions: Any, index: int, *args: Any) -> None:
        functions[index](*args)

    if INTERPRETED:
        return call

    @intrinsic
    def through(_typing: Any, address: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
        def build(context: Any, builder: Any, _sig: Any, values: Any) -> Any:
            kinds = [context.get_value_type(kind) for kind in sig.args]
            status = context.get_value_type(sig.return_type)
            function = builder.inttoptr(values[0], ir.FunctionType(status, kinds).as_pointer())
            builder.call(function, list(values[1:]))
            return context.get_dummy_value()

        return types.none(types.int64, *sig.args), build

    jump: Any = through

    @overload(call)
    def _call(functions, index, a, b, c, d):
        return lambda functions, index, a, b, c, d: jump(functions[index], a, b, c, d)

    return call


def function_address(dispatcher: Any, sig: Any) -> int:
    """Where a kernel, compiled here for `sig` if need be, begins by C's calling convention, while the process lives."""
    if sig.args not in dispatcher.overloads:
        dispatcher.compile(sig)
    compiled = dispatcher.overloads[sig.args]
    _kept.append(dispatcher)
    return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name)


_kept: list[Any] = []  # an address keeps nothing alive


def address_of(tables: Tables) -> int:
    """The address that `tables_at` turns back; whoever keeps it keeps the tables too."""
    return tables._address


def tables_at(example: Tables) -> Any:
    """A function of an address, for kernels, that gives the Tables there, of the same kind as `example`.

    Interpreted, it is given the tables themselves.
    """

    def at(tables: Any) -> Any:
        return tables

    if INTERPRETED:
        return at
    kind: Any = _typeof_tables(example, None)

    @intrinsic
    def turned(_typing: Any, address: Any) -> Any:
        def build(_context: Any, builder: Any, _sig: Any, values: Any) -> Any:
            return builder.inttoptr(values[0], ir.IntType(64).as_pointer())

        return kind(types.int64), build

    jump: Any = turned

    @overload(at)
    def _at(address):
        return lambda address: jump(address)

    return at
