"""Configure the site of the documentation, see CONTRIBUTING.md.

    sphinx-build -W --keep-going docs docs/_build

builds it from the pages, the README and the docstrings.
"""

import re
from pathlib import Path

from pygments.lexers.special import TextLexer

from emoreact_plugin import __version__

project = 'emoreact_plugin'
author = copyright = 'The emoreact_plugin contributors'
version = release = __version__

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon']
exclude_patterns = ['_build']
html_theme = 'furo'
html_title = f'emoreact_plugin {__version__}'

# A link may go to a heading, as in the view of a repository: `page.md#a-heading`.
myst_heading_anchors = 3
autodoc_member_order = 'bysource'
autodoc_typehints_format = 'short'
python_maximum_signature_line_length = 90
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# Files of the checkout's root that are pages of the site, too.
PAGES = {'CHANGELOG.md': 'changelog.md', 'CONTRIBUTING.md': 'contributing.md'}


def fit_links(app, path, parent, content):
    """Turn the links of an included file of the checkout's root into those of a page in docs/."""

    def fitted(match):
        target = match[1]
        if target.startswith('docs/'):
            return f']({target.removeprefix("docs/")})'
        if re.match(r'\w+:|#', target):
            return match[0]
        return f']({PAGES.get(target, "../" + target)})'

    if path.parent == Path('..'):
        content[0] = re.sub(r'\]\(([^()\s]+)\)', fitted, content[0])


def setup(app):
    """Connect the function above, and show CSV as plain text."""
    app.add_lexer('csv', TextLexer)
    app.connect('include-read', fit_links)
