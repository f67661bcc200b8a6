import pytest

from physics.columns import read_columns, value_column
from physics.errors import DataError
from physics.experiment import Observable


def test_a_column_is_called_as_the_curve_is():
    assert value_column(Observable("rear_temperature", "K", "curve", "")) == "rear_temperature"
    assert value_column(Observable("concentration", "", "curve", "")) == "relative_concentration"


def test_either_order_and_the_unit_of_the_values():
    found = read_columns("T_degC, Time_MIN", "T", "K")
    assert (found.names, found.position, found.time) == (("T_degC", "time_min"), 1, "time_min")
    assert found.zero + found.slope * 20.0 == pytest.approx(293.15)
    assert read_columns("time_s,T", "T", "K").slope == 1.0


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("time_s,T_m", "does not fit 'K'"),
        ("time_s,T_blue", "not known"),
        ("time_s,Tx", "unknown column 'Tx'"),
        ("time_s", "no column T"),
        ("time_s,T,T_mK", "more than one column T"),
        ("time_s,time_h", "2 time columns"),
        ("T", "no time column"),
        ("time_s;T", "commas"),
        ("1,2", "numbers stand"),
    ],
)
def test_a_bad_header_tells_what_to_write(header, told):
    with pytest.raises(DataError, match=told):
        read_columns(header, "T", "K")
