/* What cmocka's own header needs before it, in the order it needs it. */
#ifndef EVO_TESTS_CMOCKA_ALL_H
#define EVO_TESTS_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
