"""What is promised for every warehouse, as test classes that the folder of each one inherits."""

import pytest

pytest.register_assert_rewrite(f"{__name__}.dag", f"{__name__}.merge", f"{__name__}.reports", f"{__name__}.values")
