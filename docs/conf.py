"""Sphinx's configuration. `scripts/docs` builds the documentation."""

from importlib.metadata import version as installed_version

project = "airflow-provider-hvsms"
release = version = installed_version(project)

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

html_theme = "sphinx_rtd_theme"
html_theme_options = {"navigation_depth": 3}
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_copyright = False
html_show_sourcelink = False

# Docstrings write code in single backticks.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
maximum_signature_line_length = 80
toc_object_entries = False

# Types in signatures are no links: most are of other projects.
nitpick_ignore_regex = [("py:class", ".*")]
