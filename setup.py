"""The one step of the build that pyproject.toml cannot say: the files that the app reads go into its package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

READ = {"assets": ("*.npz", "*.db.gz", "icon.png"), ".streamlit": ("config.toml",)}
"""The files of each folder that the app reads. The other assets are pictures of the documentation."""


class BuildWithAssets(build_py):
    """In the repository these folders lie beside the package. An editable installation finds them there."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for folder, patterns in READ.items():
            place = Path(self.build_lib) / "dashboard" / folder
            place.mkdir(parents=True, exist_ok=True)
            for file in sorted(file for pattern in patterns for file in Path(folder).glob(pattern)):
                shutil.copy(file, place)


setup(cmdclass={"build_py": BuildWithAssets})
