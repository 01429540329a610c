# One verb each. `make demo` and `make test` need nothing but Debian 12, Swift 6.3 and root: they install the rest.

# What is built for boards; and of that what tests run, for atom32 is i586 for another processor.
TARGETS ?= i586 atom32 atom64
TESTED ?= i586 atom64
# The images that tests boot; those of the other boards need a second kernel.
BOARDS ?= alix galileo
PYTHON = $(VENV)/bin/python
CACHE = $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/microagent
VENV = $(CACHE)/python-$(shell cat Tests/system/requirements.txt 2>/dev/null | sha256sum | cut -c1-12)
PYTEST = $(PYTHON) -m pytest -q Tests/system
PACKAGE_LISTS = packages.txt cross/packages.txt cross/image/packages.txt Tests/system/packages.txt

.PHONY: tested base-image image build demo test test-unit sim sim-short test-system test-vm here in-vm cross packages check-binaries judge-binaries fuzz lint bench deps clean

build: deps
	swift build

# Shows the whole thing working: a container in a budget, a hog ended by its own, an agent killed and back; then boards
# that find each other, and a container on one that is found from another.
demo: deps
	cross/build i586
	bench/demo
	bench/demo-microcloud

# Side by side, as an emulated board takes one processor, and the tests on this machine wait a good deal.
test: lint tested $(VENV)
	@said=$$(mktemp); $(MAKE) --no-print-directory in-vm >$$said 2>&1 & vm=$$!; \
	$(MAKE) --no-print-directory test-unit sim-short judge-binaries fuzz here; here=$$?; \
	wait $$vm; there=$$?; cat $$said; rm $$said; exit $$((here | there))

lint:
	swift format lint --strict --recursive Sources Tests Package.swift

test-unit: deps
	swift test

# Whole microclouds in one process; docs/TESTING.md.
SEEDS ?= 300
sim: deps
	sim/check $(SEEDS)

sim-short: deps
	sim/check

test-system: tested $(VENV)
	$(MAKE) --no-print-directory here

test-vm: tested $(VENV)
	$(MAKE) --no-print-directory in-vm

# The end-to-end tests on what ships: the Embedded builds, on this machine. The host build has units; of the harness its own
# tests are enough. With 64 bits it is gone through what they change: programs, containers, images, memory; one of each peer.
# Several at a time, but for what measures a slow disk.
WORKERS ?= 3
AT_ONCE = $(PYTEST) --machine local -n $(WORKERS) --dist worksteal
here:
	swift build
	$(PYTEST) --machine local --target host -k "test_machine or test_leaks or test_microctl_wire"
	$(PYTEST) --machine local --target i586 -k "slow_disk"
	$(AT_ONCE) --target i586 -k "not slow_disk"
	$(AT_ONCE) --target atom64 -k "test_containers or isolation or attacks or (microrun and not podman) or test_exec \
	  or footprint or unpacker or test_images or packages"
	$(AT_ONCE) --target atom64 -k "peers and (joins or avahi_finds) or find_each_other or publishes_is_found \
	  or owner_does_from_elsewhere"

# And once more in virtual boards: 256 MB, cgroup v2, all capabilities; what an initramfs and a systemd add.
in-vm:
	$(PYTEST) --machine vm --target i586
	$(PYTEST) --machine vm-initramfs --target i586 -k "test_initramfs or test_cgroup_v2 or test_machine \
	  or (test_microrun and (run_ends or test_exec or mounts_are or link_of or masked or user_namespace))"
	$(PYTEST) --machine vm-systemd --target i586 -k "test_systemd"

cross: deps
	cross/build $(TARGETS)

# What is shipped for those that are tested, and what only tests run.
tested: deps base-image
	cross/build --drivers $(TESTED)
	cross/write-packages .build-cross/packages $(TESTED)
	for board in $(BOARDS); do cross/make-image $$board || exit; done

# An image for containers on every board; docs/TESTING.md.
base-image: deps
	cross/make-base-image .build-cross/base-image.tar

# A disk image that boots on a board and joins by itself: .build-cross/images/; docs/BOARDS.md.
image: deps
	cross/build i586 $(if $(filter jetway vm,$(BOARD)),atom64)
	cross/make-image $(BOARD)

# For systems of others, into .build-cross/packages/; docs/BOARDS.md.
packages: base-image
	cross/build $(TESTED)
	cross/write-packages .build-cross/packages $(TESTED)

check-binaries: tested
	$(MAKE) --no-print-directory judge-binaries

# The same of what is there, as `make test` has just made it.
judge-binaries:
	cross/check-binaries

fuzz: deps
	fuzz/run 3

# Beside the agent it measures other runtimes and libcoap, which nothing else needs.
bench: PACKAGE_LISTS += bench/packages.txt
bench: tested $(VENV)
	$(PYTHON) bench/run
	$(PYTHON) bench/runtimes.py
	$(PYTHON) bench/microcloud.py
	$(PYTHON) bench/protocol.py
	$(PYTHON) bench/serving.py
	$(PYTHON) bench/principals.py
	$(PYTHON) bench/placing.py
	$(PYTHON) bench/push.py
	$(PYTHON) bench/flashed.py

# Installs the Debian packages that are missing, and nothing where none is.
deps:
	@missing=$$(sed 's/#.*//' $(PACKAGE_LISTS) | xargs -rn1 | sort -u | while read -r name; do \
	  dpkg-query -W -f='$${Status}' "$$name" 2>/dev/null | grep -q 'ok installed' || echo "$$name"; done); \
	if [ -n "$$missing" ]; then \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends $$missing; fi

$(VENV): deps Tests/system/requirements.txt
	python3 -m venv $@ && $@/bin/pip install -q -r Tests/system/requirements.txt || { rm -rf $@; exit 1; }

clean:
	rm -rf .build .build-*
