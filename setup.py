"""Let an editable install find the pipeline beside the library; a wheel has `passk` alone."""

from setuptools import find_packages, setup
from setuptools.command.editable_wheel import editable_wheel


class Checkout(editable_wheel):
    """An editable install of a checkout, which has flows, tasks and reports too."""

    def run(self) -> None:
        self.distribution.packages += find_packages(include=["flows*", "tasks*", "reports*"])
        super().run()


setup(cmdclass={"editable_wheel": Checkout})
