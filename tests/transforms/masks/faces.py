"""Generic faces that are turned in space, and pictures without anything but skin."""

import cv2
import numpy as np

from emoreact_plugin.transforms.masks.drawing import MaskLook
from emoreact_plugin.transforms.masks.geometry import FACE_MODEL, place_masks
from emoreact_plugin.transforms.masks.shapes import COLORS

SIZE = (300, 320)  # height, width
POSES = [(0, 0, 0), (-40, 10, 15), (40, -15, -30), (0, 25, 0), (0, -25, 90), (10, 5, 180)]


def face(yaw=0.0, pitch=0.0, roll=0.0, scale=1.2, center=(160, 140)):
    """(68, 2): the generic face, turned (degrees), pixels."""
    y, p, r = np.radians((yaw, pitch, roll))
    turn_y = [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    turn_x = [[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]]
    turn_z = [[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]]
    middle = FACE_MODEL - (0, 10, -50)
    turned = middle @ np.array(turn_y).T @ np.array(turn_x).T @ np.array(turn_z).T
    return turned[:, :2] * scale + center


def skin(size=SIZE):
    frame = np.empty((*size, 3), np.uint8)
    frame[:] = (190, 140, 115)
    return frame


def look(kind, color='white'):
    return MaskLook(kind, COLORS[color])


def place(kind, points):
    return place_masks(kind, points[None])


def filled(points, size=SIZE):
    layer = np.zeros(size, np.uint8)
    cv2.fillPoly(layer, [np.rint(points).astype(np.int32)], 1)
    return layer > 0


def changed(before, after):
    return (before != after).any(axis=-1)
