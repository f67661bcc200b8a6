"""The simulate tool's rows: one for each of several sensors."""

from tools.simulate import simulate


def test_each_sensor_has_a_row() -> None:
    settings = {"length": "30 cm", "velocity": "10 cm/h", "dispersion": "1 cm**2/h", "times": "1 h, 2 h"}
    found = simulate("column", settings | {"position": "5 cm, 10 cm"}).data["outputs"]
    rows = [row for row in found if row["name"] == "concentration"]
    assert [(row["position"], row["position_unit"]) for row in rows] == [(0.05, "m"), (0.1, "m")]
    for row in rows:
        place = f"{row['position']} m"
        alone = simulate("column", settings | {"position": place}).data["outputs"][0]
        assert "position" not in alone
        assert max(abs(a - b) for a, b in zip(row["values"], alone["values"], strict=True)) < 2e-6
        assert row["error"] < 1e-6
