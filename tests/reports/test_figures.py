"""Figures become files and images."""

from mss_keras.reports import figures


def test_a_figure_becomes_a_file(tmp_path):
    figures.save(figures.blank(2.0, "a title"), tmp_path / "picture.png")
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]
    header = (tmp_path / "picture.png").read_bytes()[:24]
    assert header[:4] == b"\x89PNG"
    sizes = [int.from_bytes(header[start : start + 4]) for start in (16, 20)]
    assert sizes == [1440, 360]  # one and a half times what a page shows


def test_a_figure_becomes_an_image():
    image = figures.as_image(figures.blank(2.0))
    assert image.shape == (200, 800, 4)
    assert (image == 255).all()
