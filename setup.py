"""The one step of the build that pyproject.toml cannot say: the files that the app reads go into its package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

READ = ("*.npz", "*.db.gz", "icon.png")
"""The other assets are pictures of the documentation."""


class BuildWithAssets(build_py):
    """In the repository the assets lie beside the package. An editable installation finds them there."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        place = Path(self.build_lib) / "dashboard" / "assets"
        place.mkdir(parents=True, exist_ok=True)
        for pattern in READ:
            for file in sorted(Path("assets").glob(pattern)):
                shutil.copy(file, place)


setup(cmdclass={"build_py": BuildWithAssets})
