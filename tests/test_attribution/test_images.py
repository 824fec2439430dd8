"""Every kind of photo becomes RGB and upright; everything else one line."""

import contextlib
import io
import struct

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import torch
from torchvision.transforms.v2 import InterpolationMode

from attribution import load_image
from attribution.images import _read, denormalise, normalise, to_picture, to_pixels

RED, BLUE = (200, 10, 10), (10, 10, 200)


def encode(image: PIL.Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def two_halves(mode: str = "RGB") -> PIL.Image.Image:
    """Red on the left, blue on the right; 40 wide, 30 high."""
    image = PIL.Image.new("RGB", (40, 30), RED)
    image.paste(BLUE, (20, 0, 40, 30))
    return image.quantize(4) if mode == "P" else image.convert(mode)


def near(image: PIL.Image.Image, at: tuple[int, int], colour: tuple[int, ...], tolerance: int = 12) -> bool:
    return np.abs(np.array(image.getpixel(at), int) - colour).max() <= tolerance


def test_paths_bytes_and_files(tmp_path):
    data = encode(two_halves())
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    with path.open("rb") as file:
        images = [load_image(source) for source in (path, str(path), data, io.BytesIO(data), file)]
    assert len({image.tobytes() for image in images}) == 1


@pytest.mark.parametrize(
    ("mode", "kind"), [("RGB", "JPEG"), ("RGBA", "PNG"), ("P", "PNG"), ("P", "GIF"), ("CMYK", "JPEG"), ("CMYK", "TIFF")]
)
def test_colours_survive(mode, kind):
    image = load_image(encode(two_halves(mode), kind))
    assert image.mode == "RGB"
    assert near(image, (5, 5), RED)
    assert near(image, (35, 5), BLUE)


@pytest.mark.parametrize("mode", ["L", "LA", "1"])
def test_grey_becomes_rgb(mode):
    image = load_image(encode(two_halves(mode)))
    assert image.mode == "RGB"
    assert len(set(image.getpixel((5, 5)))) == 1


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_on_white(mode):
    image = PIL.Image.new("RGBA", (20, 20), (0, 0, 0, 0)).convert(mode)
    assert load_image(encode(image)).getpixel((3, 3)) == (255, 255, 255)


def test_half_transparent_is_half_white():
    image = PIL.Image.new("RGBA", (20, 20), (0, 0, 0, 128))
    assert near(load_image(encode(image)), (3, 3), (127, 127, 127), 1)


def test_a_transparent_palette_is_laid_on_white():
    image = PIL.Image.new("P", (20, 20), 0)
    image.putpalette([9, 9, 9, 200, 10, 10])
    image.paste(1, (0, 0, 10, 20))
    loaded = load_image(encode(image, "PNG", transparency=0))
    assert loaded.getpixel((3, 3)) == RED
    assert loaded.getpixel((15, 3)) == (255, 255, 255)


def test_sixteen_bits_are_scaled_and_not_clipped():
    values = np.full((20, 20), 32768, np.uint16)
    values[:, 10:] = 65535
    loaded = load_image(encode(PIL.Image.fromarray(values)))
    assert loaded.getpixel((3, 3)) == (128, 128, 128)
    assert loaded.getpixel((15, 3)) == (255, 255, 255)


@pytest.mark.parametrize("top", [1.0, 1.02, 8.0, 4000.0])
def test_floating_point_is_scaled_and_not_clipped(top):
    values = np.linspace(0, top, 400, dtype=np.float32).reshape(20, 20)
    loaded = load_image(encode(PIL.Image.fromarray(values), "TIFF"))
    assert loaded.getpixel((0, 0)) == (0, 0, 0)
    assert near(loaded, (10, 10), (134, 134, 134))
    assert loaded.getpixel((19, 19)) == (255, 255, 255)


@pytest.mark.parametrize("brightest", [40, 127, 255])
def test_a_photo_is_as_bright_in_every_type_of_numbers(brightest):
    values = np.linspace(0, brightest, 400).reshape(20, 20).round()
    wide = (257 * values).astype(np.uint16)
    kinds = [values.astype(np.uint8), values.astype(np.float32), values.astype(np.int32), wide, wide.astype(np.int32)]
    images = [PIL.Image.fromarray(kind) for kind in (*kinds, (values / 255).astype(np.float32))]
    assert [image.mode for image in images] == ["L", "F", "I", "I;16", "I", "F"]
    found = [to_pixels(image, 20, 20, InterpolationMode.BILINEAR) for image in images]
    for one, image in zip(found, images, strict=True):
        assert torch.equal(one, found[0]), image.mode
        assert np.array_equal(np.array(load_image(encode(image, "TIFF"))), to_picture(one))


def test_the_first_frame_of_an_animation():
    frames = [PIL.Image.new("RGB", (20, 20), colour) for colour in (RED, BLUE)]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert near(load_image(data), (3, 3), RED)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_upright_by_exif(orientation, kind):
    """Undo each of the eight ways to hold a camera, once."""
    turned = {
        1: [],
        2: ["FLIP_LEFT_RIGHT"],
        3: ["ROTATE_180"],
        4: ["FLIP_TOP_BOTTOM"],
        5: ["TRANSPOSE"],
        6: ["ROTATE_90"],
        7: ["TRANSVERSE"],
        8: ["ROTATE_270"],
    }
    image = two_halves()
    for turn in turned[orientation]:
        image = image.transpose(PIL.Image.Transpose[turn])
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    loaded = load_image(encode(image, kind, exif=exif, quality=95))
    for again in (loaded, PIL.ImageOps.exif_transpose(loaded), load_image(encode(loaded, kind))):
        assert again.size == (40, 30)
        assert near(again, (5, 15), RED)
        assert near(again, (35, 15), BLUE)


def test_exif_that_cannot_be_written_back_turns_all_the_same():
    """Cameras write values of other types than the standard says: here a width of -1, as a signed number."""
    image = two_halves().transpose(PIL.Image.Transpose.ROTATE_90)
    tags = [(0x0100, 9, 1, struct.pack("<i", -1)), (0x0112, 3, 1, struct.pack("<HH", 6, 0))]
    table = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHI", *tag[:3]) + tag[3] for tag in tags)
    exif = b"Exif\0\0II*\0" + struct.pack("<I", 8) + table + bytes(4)
    assert load_image(encode(image, "JPEG", exif=exif, quality=95)).size == (40, 30)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_exif_that_is_none_turns_nothing(kind):
    loaded = load_image(encode(two_halves(), kind, exif=b"garbage!garbage!"))
    assert loaded.size == (40, 30)
    assert near(loaded, (5, 15), RED)


class TestRefused:
    @pytest.mark.parametrize(
        ("made", "line"),
        [
            (lambda: b"", "is empty"),
            (lambda: b"not an image at all", "is not an image that can be read"),
            (lambda: encode(PIL.Image.new("RGB", (1, 1))), "is 1x1 pixels; each side must have at least 16"),
            (
                lambda: encode(PIL.Image.new("1", (9000, 9000)), compress_level=1),
                "is 9000x9000; at most 64 million pixels are read",
            ),
            (lambda: encode(PIL.Image.new("1", (20000, 20000)), compress_level=1), "has too many pixels"),
            (lambda: encode(PIL.Image.new("L", (2000, 16))), "is 2000x16; crop it"),
            (lambda: encode(PIL.Image.effect_noise((64, 64), 50), "JPEG")[:-300], "is damaged"),
            (lambda: encode(PIL.Image.effect_noise((64, 64), 50))[:2000], "is damaged"),
            (lambda: encode(two_halves(), "GIF")[:30], "is not an image that can be read"),
            (lambda: b"\xff\xd8\xff\xe0", "is not an image that can be read"),
            (lambda: b"\x89PNG\r\n\x1a\n" + bytes(40), "the file is "),
        ],
        ids=lambda v: v if isinstance(v, str) else "",
    )
    def test_in_one_line(self, made, line):
        data = made()
        with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
            load_image(data)
        assert line in str(caught.value)

    def test_nothing_is_run_to_read_it(self):
        """EPS is a program, for an interpreter: it is refused by its first bytes."""
        with pytest.raises(ValueError, match="is not an image that can be read"):
            load_image(encode(two_halves(), "EPS"))

    def test_not_a_number_is_told(self):
        values = np.full((20, 20), np.nan, np.float32)
        with pytest.raises(ValueError, match="holds NaN or infinity"):
            load_image(encode(PIL.Image.fromarray(values), "TIFF"))

    @pytest.mark.parametrize("what", [None, 3, ["photo.jpg"], PIL.Image.new("RGB", (32, 32))])
    def test_what_is_no_source_of_an_image(self, what):
        with pytest.raises(ValueError, match="give a path, bytes or an open file"):
            _read(what)

    def test_an_open_file_that_was_read_before(self):
        file = io.BytesIO(encode(two_halves()))
        load_image(file)
        with pytest.raises(ValueError, match=r"^the file has no bytes left: .* call \.seek\(0\) on it first$"):
            load_image(file)
        file.seek(0)
        load_image(file)

    def test_a_file_that_is_open_as_text(self, tmp_path):
        path = tmp_path / "photo.png"
        path.write_bytes(encode(two_halves()))
        with path.open() as file, pytest.raises(ValueError, match=r"^the file is open as text; open it in binary mode"):
            load_image(file)

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(ValueError, match=r"cannot read .*nothing\.jpg: No such file or directory; check the path"):
            load_image(tmp_path / "nothing.jpg")
        with pytest.raises(ValueError, match="Is a directory"):
            load_image(tmp_path)

    def test_any_cut_of_a_file_is_a_line_or_an_image(self):
        """Cut anywhere, flipped anywhere: a ValueError or a picture, never another error."""
        noise = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))
        generator = np.random.default_rng(1)
        for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"):
            data = encode(noise, kind)
            for cut in generator.integers(1, len(data), 25):
                flipped = bytearray(data)
                flipped[cut] ^= 0xFF
                for broken in (data[:cut], bytes(flipped)):
                    with contextlib.suppress(ValueError):
                        assert load_image(broken).mode == "RGB"


class TestPreparing:
    @pytest.mark.parametrize("size", [(640, 427), (427, 640), (256, 256), (100, 1300), (20, 30)])
    def test_resize_the_short_side_and_crop_the_centre(self, size):
        image = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
        resized = [256 if side == min(size) else int(side * 256 / min(size)) for side in size]
        wide = image.resize(resized, PIL.Image.Resampling.BICUBIC)
        left, top = (round((side - 224) / 2) for side in wide.size)
        expected = np.asarray(wide.crop((left, top, left + 224, top + 224)))
        ours = to_pixels(image, 224, 256, InterpolationMode.BICUBIC)
        assert ours.shape == (3, 224, 224)
        assert (to_picture(ours) == expected).all()

    def test_the_embedded_model_expects_v_minus_127_over_128(self, lite0):
        x = lite0.prepare(PIL.Image.new("RGB", (300, 300), (0, 127, 255)))
        torch.testing.assert_close(x.mean((1, 2)), torch.tensor([-127 / 128, 0.0, 1.0]))

    def test_there_and_back(self):
        pixels = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
        mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)
        torch.testing.assert_close(denormalise(normalise(pixels, mean, std), mean, std), pixels)
