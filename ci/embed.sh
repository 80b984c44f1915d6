#!/bin/sh
# embed.sh FILE.sql...: C source on stdout that holds each file as evo_schema_sql_<stem>[],
# NUL-terminated. Plain od and sed, since xxd is not everywhere.
set -eu
echo '/* Made by ci/embed.sh from lib/schema; not to be edited. */'
echo '#include "schema/sql.h"'
for file in "$@"; do
	stem=$(basename "$file" .sql)
	printf 'const char evo_schema_sql_%s[] = {\n' "$stem"
	od -An -v -tx1 "$file" | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
	echo '0x00 };'
done
