# evo's build: one file, read top to bottom.
#
# A new .c under lib/<folder>/ or cmd/ is picked up without an edit here (cmd/evo-<name>/*.c
# goes into the executable evo-<name>); so is
# a new tests/unit/<folder>/<stem>_test.c, and tests/server/<folder>/<stem>_test.c,
# whose programs need a PostgreSQL server, and tests/helper/<name>.c, programs that
# bats files start. `make help` lists the targets.

VERSION := 1.0.0

# Out-of-tree: everything made goes under BUILD. A variant (sanitizers,
# coverage) is the same Makefile with another BUILD and more flags.
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=

CC ?= cc
PKG_CONFIG ?= pkg-config
PKGS := libpq libcurl libcrypto zlib libisal libdeflate libzstd libarchive jansson expat icu-i18n icu-uc
# libpg_query ships no .pc file in Debian 12 and Ubuntu 24.04. It exports parts of PostgreSQL's port library
# (explicit_bzero, strlcpy …): -lc before it, so that libc's own are taken and programs that parse nothing do not load it.
LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS)) -lprotobuf-c -lpthread -lm -lc -lpg_query
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS))

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wpointer-arith -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wnull-dereference -Wimplicit-fallthrough
ifdef WERROR
WARNINGS += -Werror
endif
OPT ?= -O2 -g
HARDEN ?= -fstack-protector-strong -D_FORTIFY_SOURCE=2
EXTRA_CFLAGS ?=
EXTRA_LDFLAGS ?=
CFLAGS_ALL = -std=c11 -D_GNU_SOURCE -DEVO_VERSION='"$(VERSION)"' -Ilib -Icmd -I$(BUILD)/gen -fPIE -fno-common \
	-ffile-prefix-map=$(CURDIR)=. $(WARNINGS) $(OPT) $(HARDEN) $(PKG_CFLAGS) $(CFLAGS) $(EXTRA_CFLAGS)
LDFLAGS_ALL = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS) $(EXTRA_LDFLAGS)

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n'
endif

# ---- what there is ----------------------------------------------------------

LIB_SRC := $(sort $(wildcard lib/*/*.c))
CMD_SRC := $(sort $(wildcard cmd/*.c))
CMD_PART_SRC := $(sort $(wildcard cmd/*/*.c))
UNIT_SRC := $(sort $(wildcard tests/unit/*/*_test.c))
SERVER_SRC := $(sort $(wildcard tests/server/*/*_test.c))
HELPER_SRC := $(sort $(wildcard tests/helper/*.c))
SQL_SRC := $(sort $(wildcard lib/schema/*.sql))

LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
# The embedded .sql files become one object of lib/schema.
ifneq ($(SQL_SRC),)
LIB_OBJ += $(BUILD)/obj/gen/schema_sql.o
endif
BIN := $(CMD_SRC:cmd/%.c=$(BUILD)/bin/%)
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/tests/unit/%)
SERVER_BIN := $(SERVER_SRC:tests/server/%.c=$(BUILD)/tests/server/%)
HELPER_BIN := $(HELPER_SRC:tests/helper/%.c=$(BUILD)/tests/helper/%)
ARCHIVE := $(BUILD)/lib/libevo.a

.PHONY: all lib bin unit-tests check unit lint format sanitize sanitize-build coverage bench docs install clean help print-cflags
.DELETE_ON_ERROR:
.SECONDARY:

all: bin ## build the executables into build/bin
bin: $(BIN)
lib: $(ARCHIVE)
unit-tests: $(UNIT_BIN) $(SERVER_BIN) $(HELPER_BIN)

# ---- rules ------------------------------------------------------------------

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(BUILD)/gen/schema_sql.c: $(SQL_SRC) ci/embed.sh Makefile
	@mkdir -p $(@D)
	$(say) EMBED lib/schema
	$(Q)sh ci/embed.sh $(SQL_SRC) >$@

$(BUILD)/obj/gen/schema_sql.o: $(BUILD)/gen/schema_sql.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS_ALL) -c -o $@ $<

# One archive: the linker takes only the members a program needs, and
# --as-needed then drops the shared libraries that none of them uses.
$(ARCHIVE): $(LIB_OBJ)
	@mkdir -p $(@D)
	$(say) AR $@
	$(Q)rm -f $@ && ar rcs $@ $(LIB_OBJ)

# An executable of many commands has them in a folder of its name.
.SECONDEXPANSION:
$(BUILD)/bin/%: $(BUILD)/obj/cmd/%.o $$(addprefix $(BUILD)/obj/,$$(addsuffix .o,$$(basename $$(wildcard cmd/$$*/*.c)))) $(ARCHIVE)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS_ALL) $(OPT) -o $@ $(filter %.o,$^) $(ARCHIVE) $(LIBS)

$(BUILD)/tests/%: tests/%.c $(ARCHIVE) Makefile
	@mkdir -p $(@D)
	$(say) TEST $@
	$(Q)$(CC) $(CFLAGS_ALL) -Itests/unit -MMD -MP -MF $@.d $(LDFLAGS_ALL) -o $@ $< $(ARCHIVE) \
		$(shell $(PKG_CONFIG) --cflags --libs cmocka) $(LIBS)

-include $(LIB_OBJ:.o=.d) $(CMD_SRC:%.c=$(BUILD)/obj/%.d) $(CMD_PART_SRC:%.c=$(BUILD)/obj/%.d) $(UNIT_BIN:%=%.d) $(SERVER_BIN:%=%.d) \
	$(HELPER_BIN:%=%.d)

# ---- targets for people -----------------------------------------------------

unit: unit-tests ## build and run the unit tests only
	$(Q)BUILD=$(BUILD) tests/run --unit

check: bin unit-tests ## build, then run every test (needs what ci/install-deps.sh installs)
	$(Q)BUILD=$(BUILD) tests/run

lint: ## clang-format, clang-tidy, cppcheck, shellcheck, actionlint, layer check
	$(Q)BUILD=$(BUILD) ci/lint.sh

format: ## rewrite the C sources as .clang-format says
	$(Q)clang-format -i $$(git ls-files '*.c' '*.h')

sanitize: sanitize-build ## the whole test suite under AddressSanitizer and UBSan
	$(Q)BUILD=$(BUILD)/sanitize tests/run

sanitize-build:
	$(Q)$(MAKE) BUILD=$(BUILD)/sanitize HARDEN= OPT='-O1 -g -fno-omit-frame-pointer' \
		EXTRA_CFLAGS='-fsanitize=address,undefined -fno-sanitize-recover=undefined' \
		EXTRA_LDFLAGS='-fsanitize=address,undefined' all unit-tests

coverage: ## line coverage of lib/, printed by folder
	$(Q)! [ -d $(BUILD)/coverage ] || find $(BUILD)/coverage -name '*.gcda' -delete
	$(Q)$(MAKE) BUILD=$(BUILD)/coverage HARDEN= OPT='-O0 -g' EXTRA_CFLAGS='--coverage' \
		EXTRA_LDFLAGS='--coverage' check
	$(Q)ci/coverage.sh $(BUILD)/coverage

bench: bin ## ratios against other tools, side by side (scripts/bench/)
	$(Q)BUILD=$(BUILD) scripts/bench/run

docs: bin ## regenerate the text made from the option tables
	$(Q)BUILD=$(BUILD) ci/generate-docs.sh

install: bin ## install into DESTDIR/PREFIX
	$(Q)install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/evo/schema
	$(Q)install -m 0755 $(BIN) $(DESTDIR)$(PREFIX)/bin/
	$(Q)install -m 0644 $(wildcard lib/schema/*.json) $(DESTDIR)$(PREFIX)/share/evo/schema/

clean: ## remove what was built (downloaded tools under build/tools stay)
	$(Q)rm -rf $(BUILD)/obj $(BUILD)/bin $(BUILD)/lib $(BUILD)/gen $(BUILD)/tests $(BUILD)/sanitize $(BUILD)/coverage \
		$(BUILD)/lint

# For ci/lint.sh: the flags a file is compiled with, quoted for a shell.
print-cflags:
	$(info $(filter-out $(WARNINGS),$(CFLAGS_ALL)))@:

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
