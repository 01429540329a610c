// Written by scripts/generate-syscall-tables.py: change that, not this.

extension SeccompProfile {
  /// What i386 programs may call: from each number on, up to the next row's.
  static let i386: [Row] = [
    Row(0, .allowed), Row(17, .refused), Row(19, .allowed), Row(21, .refused), Row(23, .allowed), Row(25, .refused),
    Row(26, .allowed), Row(28, .refused), Row(29, .allowed), Row(31, .refused), Row(33, .allowed), Row(34, .refused),
    Row(36, .allowed), Row(44, .refused), Row(45, .allowed), Row(51, .refused), Row(54, .ioctl), Row(55, .allowed),
    Row(56, .refused),
    Row(57, .allowed), Row(58, .refused), Row(60, .allowed), Row(62, .refused), Row(63, .allowed), Row(68, .refused),
    Row(70, .allowed), Row(74, .refused), Row(75, .allowed), Row(79, .refused), Row(80, .allowed), Row(84, .refused),
    Row(85, .allowed), Row(86, .refused), Row(90, .allowed), Row(98, .refused), Row(99, .allowed), Row(101, .refused),
    Row(102, .allowed), Row(103, .refused), Row(104, .allowed), Row(109, .refused), Row(114, .allowed),
    Row(115, .refused), Row(116, .allowed), Row(120, .clone), Row(121, .refused), Row(122, .allowed),
    Row(127, .refused), Row(132, .allowed), Row(134, .refused), Row(136, .personality), Row(137, .refused),
    Row(138, .allowed), Row(149, .refused), Row(150, .allowed), Row(166, .refused), Row(168, .allowed),
    Row(169, .refused), Row(170, .allowed), Row(188, .refused), Row(190, .allowed), Row(217, .refused),
    Row(218, .allowed), Row(222, .missing), Row(224, .allowed), Row(251, .missing), Row(252, .allowed),
    Row(253, .refused), Row(254, .allowed), Row(264, .refused), Row(265, .allowed), Row(273, .refused),
    Row(277, .allowed), Row(283, .refused), Row(284, .allowed), Row(285, .missing), Row(286, .refused),
    Row(289, .allowed), Row(294, .refused), Row(295, .allowed), Row(310, .refused), Row(311, .allowed),
    Row(317, .refused), Row(318, .allowed), Row(336, .refused), Row(337, .allowed), Row(338, .refused),
    Row(339, .allowed), Row(342, .refused), Row(343, .allowed), Row(346, .refused), Row(347, .allowed),
    Row(349, .refused), Row(351, .allowed), Row(357, .refused), Row(358, .allowed), Row(359, .socket),
    Row(360, .allowed), Row(374, .refused), Row(375, .allowed), Row(387, .missing), Row(393, .allowed),
    Row(404, .refused), Row(405, .allowed), Row(415, .missing), Row(416, .allowed), Row(425, .refused),
    Row(434, .allowed), Row(435, .missing), Row(436, .allowed), Row(438, .refused), Row(439, .allowed),
    Row(440, .refused), Row(441, .allowed), Row(442, .refused), Row(444, .allowed), Row(450, .refused),
    Row(451, .missing),
  ]

  /// What x86_64 programs may call: from each number on, up to the next row's.
  static let amd64: [Row] = [
    Row(0, .allowed), Row(16, .ioctl), Row(17, .allowed), Row(41, .socket), Row(42, .allowed), Row(56, .clone),
    Row(57, .allowed), Row(103, .refused),
    Row(104, .allowed), Row(134, .refused), Row(135, .personality), Row(136, .refused), Row(137, .allowed),
    Row(139, .refused), Row(140, .allowed), Row(153, .refused), Row(154, .allowed), Row(155, .refused),
    Row(157, .allowed), Row(163, .refused), Row(186, .allowed), Row(212, .refused), Row(213, .allowed),
    Row(227, .refused), Row(228, .allowed), Row(236, .refused), Row(240, .allowed), Row(246, .refused),
    Row(247, .allowed), Row(248, .refused), Row(251, .allowed), Row(256, .refused), Row(257, .allowed),
    Row(272, .refused), Row(273, .allowed), Row(279, .refused), Row(280, .allowed), Row(298, .refused),
    Row(299, .allowed), Row(300, .refused), Row(301, .allowed), Row(304, .refused), Row(305, .allowed),
    Row(308, .refused), Row(309, .allowed), Row(312, .refused), Row(314, .allowed), Row(320, .refused),
    Row(322, .allowed), Row(323, .refused), Row(324, .allowed), Row(335, .missing), Row(424, .allowed),
    Row(425, .refused), Row(434, .allowed), Row(435, .missing), Row(436, .allowed), Row(438, .refused),
    Row(439, .allowed), Row(440, .refused), Row(441, .allowed), Row(442, .refused), Row(444, .allowed),
    Row(450, .refused), Row(451, .missing),
  ]
}
