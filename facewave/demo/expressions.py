"""Tables of the demo dataset: points on the portrait's face and how action units move them.

Coordinates are in frame units: x to the right and y down, 0 to 1 over the rendered square.
Shifts are in thousandths of that (a face is about 380 wide and 450 high), as pairs
(outward, down), where outward is away from the face's middle line; so one entry serves both sides.
"""

from typing import TypeAlias

Shifts: TypeAlias = dict[str, tuple[float, float]]

# Points on the middle line (x, y), then pairs (x, y of the image's left; x, y of its right), as
# MediaPipe's face landmarker places them on the portrait, turned upright and cropped.
# fmt: off
MIDLINE: dict[str, tuple[float, float]] = {
    "hairline_mid": (0.4931, 0.2659), "forehead_mid": (0.4933, 0.3067),
    "glabella": (0.4934, 0.3490), "nose_root": (0.4935, 0.3928), "nose_bridge": (0.4931, 0.4366),
    "nose_tip": (0.4926, 0.5015), "nose_base": (0.4930, 0.5294), "philtrum": (0.4934, 0.5388),
    "lip_up_mid": (0.4950, 0.5577), "gap_up_mid": (0.4951, 0.5693), "gap_low_mid": (0.4942, 0.5963),
    "lip_low_mid": (0.4942, 0.6201), "under_lip_mid": (0.4936, 0.6406),
    "chin_mid": (0.4933, 0.6603), "chin": (0.4926, 0.7163),
}
PAIRS: dict[str, tuple[float, float, float, float]] = {
    "brow_out": (0.3348, 0.3576, 0.6554, 0.3583), "brow_mid": (0.3755, 0.3382, 0.6139, 0.3376),
    "brow_in": (0.4500, 0.3466, 0.5380, 0.3451), "brow_low_out": (0.3441, 0.3663, 0.6463, 0.3666),
    "brow_low_mid": (0.3815, 0.3515, 0.6079, 0.3503),
    "brow_low_in": (0.4557, 0.3683, 0.5324, 0.3666), "forehead": (0.4456, 0.3062, 0.5418, 0.3062),
    "forehead_out": (0.3404, 0.3266, 0.6479, 0.3273), "hairline": (0.3949, 0.2733, 0.5930, 0.2739),
    "eye_out": (0.3691, 0.3977, 0.6204, 0.3980), "eye_in": (0.4471, 0.4061, 0.5419, 0.4059),
    "lid_up_out": (0.3767, 0.3909, 0.6126, 0.3915), "lid_up_mid": (0.3994, 0.3843, 0.5896, 0.3841),
    "lid_up_in": (0.4298, 0.3921, 0.5587, 0.3914), "lid_low_out": (0.3824, 0.4069, 0.6071, 0.4071),
    "lid_low_mid": (0.4072, 0.4114, 0.5823, 0.4114), "lid_low_in": (0.4350, 0.4079, 0.5540, 0.4079),
    "lid_fold": (0.3956, 0.3706, 0.5937, 0.3699), "lid_fold_out": (0.3574, 0.3751, 0.6323, 0.3754),
    "lid_fold_in": (0.4439, 0.3786, 0.5449, 0.3774), "bag_mid": (0.4055, 0.4311, 0.5842, 0.4313),
    "bag_out": (0.3658, 0.4244, 0.6248, 0.4252), "cheek_high": (0.3502, 0.4383, 0.6411, 0.4393),
    "cheek": (0.3539, 0.4782, 0.6364, 0.4793), "cheek_front": (0.4048, 0.4856, 0.5840, 0.4862),
    "cheek_low": (0.3754, 0.5032, 0.6145, 0.5043), "fold_high": (0.4162, 0.5074, 0.5718, 0.5074),
    "fold_low": (0.3828, 0.5373, 0.6064, 0.5378), "nose_side": (0.4540, 0.4719, 0.5334, 0.4716),
    "ala": (0.4310, 0.4962, 0.5565, 0.4962), "nostril": (0.4405, 0.5148, 0.5465, 0.5146),
    "corner": (0.4064, 0.5585, 0.5828, 0.5552), "lip_up_out": (0.4288, 0.5556, 0.5613, 0.5530),
    "lip_up_in": (0.4690, 0.5541, 0.5209, 0.5531), "lip_low_out": (0.4298, 0.5922, 0.5596, 0.5907),
    "lip_low_in": (0.4686, 0.6170, 0.5202, 0.6166), "gap_corner": (0.4136, 0.5605, 0.5763, 0.5575),
    "gap_up_out": (0.4373, 0.5632, 0.5528, 0.5607), "gap_up_in": (0.4719, 0.5675, 0.5184, 0.5669),
    "gap_low_out": (0.4386, 0.5817, 0.5502, 0.5800), "gap_low_in": (0.4721, 0.5942, 0.5161, 0.5943),
    "beside_mouth": (0.3783, 0.5664, 0.6107, 0.5662), "under_lip": (0.4395, 0.6245, 0.5481, 0.6246),
    "chin_side": (0.4256, 0.6607, 0.5614, 0.6610), "jaw_front": (0.4546, 0.7117, 0.5307, 0.7121),
    "jaw_mid": (0.3811, 0.6573, 0.6069, 0.6580), "jaw": (0.3381, 0.6011, 0.6527, 0.6024),
    "jaw_back": (0.3140, 0.5179, 0.6793, 0.5200), "ear": (0.3071, 0.4380, 0.6856, 0.4396),
    "temple": (0.3300, 0.3082, 0.6590, 0.3095),
}

# The portrait smiles and shows its teeth; these shifts close its mouth and relax its cheeks.
# Lips end one thousandth apart, so that upper and lower lip stay two different lines.
RELAX: Shifts = {
    "corner": (-19, 28), "gap_corner": (-16, 26), "lip_up_out": (-17, 15), "gap_up_out": (-10, 20),
    "lip_up_in": (-4, 9), "gap_up_in": (-3, 14.5), "lip_up_mid": (0, 8),
    "gap_up_mid": (0, 13.5), "gap_low_mid": (0, -12), "gap_low_in": (-3, -11),
    "gap_low_out": (-10, 2), "lip_low_mid": (0, -7), "lip_low_in": (-4, -6),
    "lip_low_out": (-14, 10), "under_lip_mid": (0, -4), "under_lip": (-4, -1),
    "beside_mouth": (-8, 12), "fold_low": (-7, 11), "cheek_low": (-3, 9), "cheek": (0, 5),
    "cheek_front": (0, 4), "fold_high": (-2, 4), "bag_mid": (0, 4), "lid_low_mid": (0, 4),
    "lid_low_out": (0, 3.5), "lid_low_in": (0, 3), "lid_up_mid": (0, -1), "chin_mid": (0, -3),
    "chin": (0, -3), "chin_side": (0, -2), "jaw_front": (0, -3), "jaw_mid": (-2, -1),
    "brow_out": (0, 4), "brow_mid": (0, 6), "brow_in": (0, 5), "brow_low_out": (0, 4),
    "brow_low_mid": (0, 6), "brow_low_in": (0, 5), "lid_fold": (0, 3), "lid_fold_in": (0, 3),
    "lid_fold_out": (0, 3),
}

# Shifts of each action unit at full strength, from the relaxed face.
UNITS: dict[str, Shifts] = {
    # inner brow raiser
    "AU1": {
        "brow_in": (0, -31), "brow_low_in": (1, -30), "brow_mid": (0, -11),
        "brow_low_mid": (0, -10), "forehead": (0, -11), "forehead_mid": (0, -8),
        "glabella": (0, -14), "lid_fold_in": (0, -12), "lid_fold": (0, -4),
    },
    # outer brow raiser
    "AU2": {
        "brow_out": (1, -20), "brow_low_out": (1, -19), "brow_mid": (0, -20),
        "brow_low_mid": (0, -19), "brow_in": (0, -5), "brow_low_in": (0, -4),
        "forehead_out": (0, -8), "lid_fold": (0, -8), "lid_fold_out": (0, -9),
    },
    # brow lowerer
    "AU4": {
        "brow_in": (-13, 25), "brow_low_in": (-12, 25), "brow_mid": (-9, 22),
        "brow_low_mid": (-8, 22), "brow_out": (-2, 11), "brow_low_out": (-2, 11),
        "glabella": (0, 14), "nose_root": (0, 4), "lid_fold_in": (-4, 10), "lid_fold": (-1, 9),
        "lid_fold_out": (0, 7), "forehead": (-5, 9), "lid_up_in": (0, 3), "lid_up_mid": (0, 3),
    },
    # upper lid raiser
    "AU5": {
        "lid_up_out": (0, -10), "lid_up_mid": (0, -13), "lid_up_in": (0, -10), "lid_fold": (0, -5),
    },
    # cheek raiser
    "AU6": {
        "cheek": (1, -12), "cheek_high": (0, -8), "cheek_front": (0, -9), "cheek_low": (1, -9),
        "bag_mid": (0, -6), "bag_out": (0, -6), "lid_low_mid": (0, -5), "lid_low_out": (0, -4),
        "lid_low_in": (0, -3), "fold_high": (2, -4),
    },
    # lid tightener
    "AU7": {
        "lid_low_out": (0, -5), "lid_low_mid": (0, -7), "lid_low_in": (0, -5), "bag_mid": (0, -4),
        "bag_out": (0, -3), "lid_up_out": (0, 3), "lid_up_mid": (0, 4), "lid_up_in": (0, 3),
    },
    # nose wrinkler
    "AU9": {
        "ala": (2, -13), "nostril": (1, -9), "nose_side": (0, -11), "nose_tip": (0, -4),
        "nose_base": (0, -5), "philtrum": (0, -8), "lip_up_mid": (0, -11), "lip_up_in": (0, -13),
        "lip_up_out": (0, -10), "gap_up_mid": (0, -7), "gap_up_in": (0, -8), "gap_up_out": (0, -6),
        "fold_high": (2, -14), "cheek_front": (0, -11), "cheek_low": (0, -8), "brow_in": (-6, 15),
        "brow_low_in": (-6, 15), "brow_mid": (-3, 11), "brow_low_mid": (-3, 11),
        "brow_out": (0, 4), "brow_low_out": (0, 4), "glabella": (0, 11), "nose_root": (0, 4),
        "lid_fold_in": (-2, 6), "lid_fold": (0, 6), "lid_up_in": (0, 2), "lid_up_mid": (0, 3),
        "bag_mid": (0, -6), "lid_low_in": (0, -5), "lid_low_mid": (0, -5), "lid_low_out": (0, -3),
    },
    # lip corner puller
    "AU12": {
        "corner": (18, -26), "gap_corner": (15, -24), "lip_up_out": (15, -17),
        "gap_up_out": (11, -18), "lip_up_in": (4, -10), "gap_up_in": (3, -11),
        "lip_up_mid": (0, -8), "gap_up_mid": (0, -10), "gap_low_mid": (0, 6), "gap_low_in": (3, 4),
        "gap_low_out": (10, -7), "lip_low_mid": (0, 6), "lip_low_in": (4, 4),
        "lip_low_out": (14, -8), "under_lip": (4, 0), "beside_mouth": (9, -13),
        "fold_low": (8, -12), "cheek_low": (3, -10), "cheek": (0, -5), "fold_high": (2, -4),
    },
    # lip corner depressor
    "AU15": {
        "corner": (5, 25), "gap_corner": (5, 23), "lip_up_out": (3, 12), "gap_up_out": (3, 13),
        "lip_up_in": (0, 2), "gap_up_in": (0, 3), "lip_up_mid": (0, 1), "gap_up_mid": (0, 1),
        "gap_low_out": (3, 13), "gap_low_in": (0, 3), "gap_low_mid": (0, 1),
        "lip_low_out": (3, 13), "lip_low_in": (0, 2), "beside_mouth": (3, 19),
        "fold_low": (1, 9), "under_lip": (1, 6), "chin_side": (0, 4), "under_lip_mid": (0, -4),
        "chin_mid": (0, -5),
    },
    # lower lip depressor
    "AU16": {
        "gap_low_mid": (0, 10), "gap_low_in": (0, 10), "gap_low_out": (0, 6),
        "lip_low_mid": (0, 10), "lip_low_in": (0, 10), "lip_low_out": (1, 6), "under_lip": (0, 5),
        "under_lip_mid": (0, 5),
    },
    # lip stretcher
    "AU20": {
        "corner": (19, 13), "gap_corner": (17, 13), "lip_up_out": (11, 7), "gap_up_out": (10, 6),
        "lip_up_in": (4, 0), "gap_up_in": (4, 0), "gap_low_out": (10, 6), "gap_low_in": (4, 5),
        "gap_low_mid": (0, 5), "lip_low_out": (11, 6), "lip_low_in": (4, 4), "lip_low_mid": (0, 4),
        "beside_mouth": (10, 5), "fold_low": (6, 2), "under_lip": (5, 3), "chin_side": (3, 1),
    },
    # lip tightener
    "AU23": {
        "corner": (-6, 0), "gap_corner": (-5, 0), "lip_up_out": (-4, 4), "lip_up_in": (-1, 6),
        "lip_up_mid": (0, 6), "lip_low_out": (-4, -5), "lip_low_in": (-1, -8),
        "lip_low_mid": (0, -8), "gap_up_out": (-3, 0), "gap_low_out": (-3, 0),
        "under_lip_mid": (0, -6), "under_lip": (-1, -4), "chin_mid": (0, -4),
    },
    # jaw drop
    "AU26": {
        "gap_low_mid": (0, 64), "gap_low_in": (-1, 60), "gap_low_out": (-4, 40),
        "lip_low_mid": (0, 66), "lip_low_in": (-1, 63), "lip_low_out": (-5, 43),
        "corner": (-12, 19), "gap_corner": (-11, 19), "gap_up_out": (-5, 3), "lip_up_out": (-6, 4),
        "gap_up_mid": (0, -4), "gap_up_in": (0, -3), "under_lip": (-1, 60),
        "under_lip_mid": (0, 65), "chin_mid": (0, 65), "chin": (0, 60), "chin_side": (0, 56),
        "jaw_front": (0, 58), "jaw_mid": (0, 38), "jaw": (0, 14), "beside_mouth": (-4, 20),
        "fold_low": (-1, 8), "cheek_low": (-1, 3),
    },
}

# How made-up subjects differ, at one standard step either way.
TRAITS: dict[str, Shifts] = {
    "wide_face": {
        "ear": (15, 0), "temple": (13, 0), "jaw_back": (16, 0), "jaw": (14, 0), "jaw_mid": (10, 0),
        "cheek_high": (9, 0), "cheek": (9, 0), "cheek_low": (6, 0), "beside_mouth": (6, 0),
        "fold_low": (5, 0), "forehead_out": (10, 0), "corner": (3, 0), "gap_corner": (3, 0),
    },
    "wide_jaw": {"jaw": (11, 0), "jaw_mid": (15, 3), "jaw_front": (7, 2), "chin_side": (6, 0)},
    "long_chin": {
        "chin": (0, 16), "jaw_front": (0, 15), "chin_mid": (0, 9), "chin_side": (0, 9),
        "jaw_mid": (0, 9), "jaw": (0, 3), "under_lip": (0, 3), "under_lip_mid": (0, 4),
    },
    "eye_distance": {
        name: (7, 0) for name in PAIRS if name.startswith(("eye", "lid", "bag", "brow"))
    },
    "long_nose": {
        "nose_tip": (0, 10), "nose_base": (0, 10), "ala": (0, 9), "nostril": (0, 10),
        "philtrum": (0, 7), "nose_side": (0, 5), "nose_bridge": (0, 4), "fold_high": (0, 5),
        "lip_up_mid": (0, 3), "lip_up_in": (0, 3), "lip_up_out": (0, 2),
    },
    "wide_nose": {"ala": (6, 0), "nostril": (4, 0), "nose_side": (4, 0)},
    "wide_mouth": {
        "corner": (8, 0), "gap_corner": (7, 0), "lip_up_out": (5, 0), "gap_up_out": (5, 0),
        "gap_low_out": (5, 0), "lip_low_out": (5, 0), "lip_up_in": (2, 0), "gap_up_in": (2, 0),
        "gap_low_in": (2, 0), "lip_low_in": (2, 0), "beside_mouth": (4, 0),
    },
    "full_lips": {
        "lip_up_mid": (0, -4), "lip_up_in": (0, -4), "lip_up_out": (0, -3),
        "lip_low_mid": (0, 5), "lip_low_in": (0, 5), "lip_low_out": (0, 3),
    },
    "high_brows": {
        "brow_out": (0, -8), "brow_mid": (0, -8), "brow_in": (0, -8), "brow_low_out": (0, -8),
        "brow_low_mid": (0, -8), "brow_low_in": (0, -8), "lid_fold": (0, -3),
        "lid_fold_in": (0, -3), "lid_fold_out": (0, -3),
    },
    "large_eyes": {
        "lid_up_out": (1, -3), "lid_up_mid": (0, -4), "lid_up_in": (-1, -3), "eye_out": (3, 0),
        "lid_low_out": (1, 2), "lid_low_mid": (0, 2), "lid_low_in": (-1, 2), "lid_fold": (0, -3),
    },
}
# fmt: on
