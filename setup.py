"""Install emoreact_plugin together with its configs and tools.

As in MMAction2, the installed package has a folder ``.mim`` that holds ``configs``, ``tools`` and
``model-index.yml``. MMEngine looks there for ``_base_ = 'emoreact_plugin::...'``. A folder
``configs`` holds the building blocks of the configs, which pure-Python configs import as
``emoreact_plugin.configs._base_...``. An editable install gets links to the checkout, a wheel gets
copies. Building leaves nothing else in the checkout.
"""

import atexit
import os
import os.path as osp
import shutil
import sys
import tempfile

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = osp.dirname(osp.abspath(__file__))
# folder in the package -> what of the checkout it holds
PARTS = {
    '.mim': ('configs', 'tools', 'model-index.yml'),
    'configs': ('configs/_base_',),
}

# Ranges that were installed and tested, not guessed; tools/doctor.py reads
# them from here. mmcv-lite, because the parts used need no compiled ops and
# mmcv's take half an hour to build. Both own one folder `mmcv`: whoever has a
# full mmcv 2.1 keeps it with `pip install --no-deps`.
# importlib_metadata: mmaction2 imports it undeclared. setuptools<82: under
# MMAction2's own tools, mmengine needs pkg_resources before this package is
# imported.
INSTALL_REQUIRES = [
    'av>=17.0,<19',
    'filelock>=3.12',
    'grad-cam>=1.5.4,<1.6',
    'importlib_metadata>=6.0',
    'matplotlib>=3.8,<4',
    'mmaction2==1.2.0',
    'mmcv-lite==2.1.0',
    'mmengine>=0.10.5,<0.11',
    'numpy>=1.26,<2.5',
    # The three write into one folder, and the newest is not out for all.
    'opencv-contrib-python>=4.9,<5.1',
    'opencv-python>=4.9,<5.1',
    'opencv-python-headless>=4.9,<5.1',
    'pillow>=10',
    'safetensors>=0.4.3,<1',
    'scikit-learn>=1.4,<2',
    'scipy>=1.11,<2',
    'setuptools<82',
    'simplejpeg>=1.8,<2',
    'torch>=2.6,<2.16',
    'torchvision>=0.21,<0.30',
    'tqdm>=4.60,<5',
]
# What mediapipe 0.10.14 asks for: an extra that is installed later must not lift it.
PROTOBUF = 'protobuf>=4.25.3,<5; python_version < "3.13"'
ONNX = ['onnx>=1.16,<2', 'onnxruntime>=1.18,<2', 'onnxscript>=0.2,<1', PROTOBUF]
TENSORBOARD = ['tensorboard>=2.15,<3', PROTOBUF]
EXTRAS_REQUIRE = {
    'test': [
        'hypothesis>=6.100,<7',
        'ipykernel>=6.29,<8',
        'nbclient>=0.10,<1',
        'pytest>=8',
        'pytest-xdist>=3.5',
        *ONNX,
        *TENSORBOARD,
    ],
    # ruff formats alike only within one version
    'style': [
        'codespell[toml]>=2.4,<3',
        'import-linter>=2.17,<3',
        'mypy>=2.4,<3',
        'pre-commit>=4,<5',
        'ruff==0.17.6',
    ],
    'docs': ['furo>=2024.8', 'myst-parser>=4,<6', 'sphinx>=8.1,<10'],
    # 0.10.14 is the last release whose wheel holds its models, which LiteRT runs
    'landmarks': [
        'ai-edge-litert>=2,<3',
        'mediapipe==0.10.14; python_version < "3.13"',
        PROTOBUF,
    ],
    'onnx': ONNX,
    'tensorboard': TENSORBOARD,
}


def read(*names):
    """Read a text file of the checkout, named by the parts of its path."""
    with open(osp.join(ROOT, *names), encoding='utf-8') as file:
        return file.read()


def version():
    """Return the version number that ``emoreact_plugin/version.py`` sets."""
    scope = {}
    exec(read('emoreact_plugin', 'version.py'), scope)
    return scope['__version__']


def long_description():
    """Return the text of the README, or '' if the source tree has none."""
    # a source tree without it still installs
    if not osp.exists(osp.join(ROOT, 'README.md')):
        return ''
    return read('README.md')


def put(source, target, link):
    """Link or copy one file or folder to ``target``, and replace what is there."""
    if osp.islink(target) or osp.isfile(target):
        os.remove(target)
    elif osp.isdir(target):
        shutil.rmtree(target)
    if link:
        try:
            os.symlink(osp.relpath(source, osp.dirname(target)), target)
            return
        except OSError:
            # Windows without the right to make links: copies do, but have to
            # be made again after a change
            pass
    if osp.isdir(source):
        shutil.copytree(
            source, target, ignore=shutil.ignore_patterns('__pycache__', '*.pyc', 'dev')
        )
    else:
        shutil.copy2(source, target)


class BuildWithConfigs(build_py):
    """Add configs and tools to the build, or to the checkout if the install is editable."""

    def run(self):
        """Build the package as usual, then link or copy the parts into it."""
        super().run()
        editable = getattr(self, 'editable_mode', False)
        base = ROOT if editable else osp.abspath(self.build_lib)
        for name, parts in PARTS.items():
            folder = osp.join(base, 'emoreact_plugin', name)
            os.makedirs(folder, exist_ok=True)
            for part in parts:
                source = osp.join(ROOT, part)
                if not osp.exists(source):
                    raise FileNotFoundError(f'{source} is missing; expected the whole source tree')
                put(source, osp.join(folder, osp.basename(part)), link=editable)


def out_of_tree():
    """Return the options that keep build files out of the checkout."""
    if 'sdist' in sys.argv:
        return {}  # packs the metadata from the place where it is by default
    scratch = tempfile.mkdtemp(prefix='emoreact_plugin-build-')
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    return {
        'build': {'build_base': scratch},
        'egg_info': {'egg_base': scratch},
    }


if __name__ == '__main__':
    setup(
        name='emoreact_plugin',
        version=version(),
        description='Multi-label emotion recognition from face and body, '
        'masked or not, on MMAction2',
        long_description=long_description(),
        long_description_content_type='text/markdown',
        author='The emoreact_plugin contributors',
        # the paper, until the repository has a public address
        url='https://arxiv.org/abs/2302.10021',
        project_urls={
            'Paper': 'https://arxiv.org/abs/2302.10021',
            'MMAction2': 'https://github.com/open-mmlab/mmaction2',
            'EmoReact': 'https://github.com/bnojavan/EmoReact',
        },
        license='MIT',
        classifiers=[
            'Development Status :: 4 - Beta',
            'Intended Audience :: Science/Research',
            'License :: OSI Approved :: MIT License',
            'Operating System :: POSIX :: Linux',
            'Programming Language :: Python :: 3',
            *(f'Programming Language :: Python :: 3.{minor}' for minor in range(10, 14)),
            'Topic :: Scientific/Engineering :: Artificial Intelligence',
            'Topic :: Scientific/Engineering :: Image Recognition',
            'Typing :: Typed',
        ],
        keywords='emotion recognition, multi-label, EmoReact, MMAction2',
        python_requires='>=3.10,<3.14',
        packages=find_packages(include=['emoreact_plugin*']),
        py_modules=['emoreact_cli'],
        entry_points={'console_scripts': ['emoreact = emoreact_cli:main']},
        package_data={'emoreact_plugin': ['py.typed']},
        include_package_data=True,
        install_requires=INSTALL_REQUIRES,
        extras_require=EXTRAS_REQUIRE,
        cmdclass={'build_py': BuildWithConfigs},
        options=out_of_tree(),
        zip_safe=False,
    )
