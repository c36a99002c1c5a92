"""The pages without JavaScript, one file for each page and for each thing that all share."""

import pytest

pytest.register_assert_rewrite("tests.pages.house", "tests.pages.visitor")
