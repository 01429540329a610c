// Memory for a program that is gone in a moment: see allocator.c. Linking it is all.
#pragma once
