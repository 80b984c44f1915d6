#include "cli/meter.h"

#include <inttypes.h>
#include <math.h>
#include <wchar.h>

#include "base/parse.h"
#include "base/utf8.h"

enum {
    SAMPLE_MS = 250,
    MEMORY_MS = 10000, /* of the smoothing */
    RATE_AFTER_MS = 1000,
    LEFT_AFTER_MS = 3000,
    LEFT_MAX_MS = 99 * 3600 * 1000,
    CURRENT_MIN = 8 /* columns; less of a name tells nothing */
};

static void copy(char *to, size_t size, const char *from)
{
    size_t n = from ? evo_utf8_cut(from, strlen(from), size - 1) : 0;
    memcpy(to, from ? from : "", n);
    to[n] = '\0';
}

static void take(struct evo_meter *m, const struct evo_progress *p, int64_t now_ms)
{
    copy(m->item, sizeof(m->item), p->item);
    copy(m->current, sizeof(m->current), p->current);
    m->bytes = p->bytes;
    m->bytes_total = p->bytes_total;
    m->items = p->items;
    m->items_total = p->items_total;
    m->seen_at = now_ms;
}

void evo_meter_begin(struct evo_meter *m, const struct evo_progress *p, int64_t now_ms)
{
    *m = (struct evo_meter){ .began_at = now_ms, .sampled_at = now_ms, .sampled_bytes = p->bytes };
    copy(m->what, sizeof(m->what), p->what);
    take(m, p, now_ms);
}

/* An exponential average that starts from nothing: divided by its weight, it is right from the first sample on. */
static void sample(struct evo_meter *m)
{
    int64_t elapsed = m->seen_at - m->sampled_at;
    if (elapsed < SAMPLE_MS)
        return;
    uint64_t moved = m->bytes > m->sampled_bytes ? m->bytes - m->sampled_bytes : 0;
    double now = (double)moved * 1000 / (double)elapsed;
    double keep = exp(-(double)elapsed / MEMORY_MS);
    m->rate = m->rate * keep + now * (1 - keep);
    m->weight = m->weight * keep + (1 - keep);
    m->sampled_at = m->seen_at;
    m->sampled_bytes = m->bytes;
}

void evo_meter_update(struct evo_meter *m, const struct evo_progress *p, int64_t now_ms)
{
    take(m, p, now_ms);
    sample(m);
}

bool evo_meter_measures(const struct evo_meter *m, const char *what)
{
    return what && strncmp(m->what, what, sizeof(m->what) - 1) == 0;
}

/* ---- what follows from the numbers ------------------------------------------ */

/* The total of the bytes may be an estimate: once it is passed, it is no total any more. */
static uint64_t bytes_total(const struct evo_meter *m)
{
    return m->bytes <= m->bytes_total ? m->bytes_total : 0;
}

static int percent_of(uint64_t n, uint64_t total)
{
    int percent = (int)((double)n / (double)total * 100);
    return percent > 99 && n < total ? 99 : percent;
}

int evo_meter_percent(const struct evo_meter *m)
{
    /* Whatever the bytes say: their total may be an estimate, or count a trailer that nobody moves. */
    if (m->items_total && m->items == m->items_total)
        return 100;
    if (bytes_total(m))
        return percent_of(m->bytes, bytes_total(m));
    if (m->items_total && m->items <= m->items_total)
        return percent_of(m->items, m->items_total);
    return -1;
}

uint64_t evo_meter_rate(const struct evo_meter *m)
{
    return m->seen_at - m->began_at >= RATE_AFTER_MS && m->weight > 0 ? (uint64_t)(m->rate / m->weight + 0.5)
                                                                      : 0;
}

int64_t evo_meter_left(const struct evo_meter *m)
{
    uint64_t rate = evo_meter_rate(m);
    uint64_t total = bytes_total(m);
    if (!rate || !total || m->bytes == total || evo_meter_percent(m) == 100 ||
        m->seen_at - m->began_at < LEFT_AFTER_MS || m->bytes < total / 100)
        return -1;
    double left = (double)(total - m->bytes) / (double)rate * 1000;
    return left < LEFT_MAX_MS ? (int64_t)left : -1;
}

/* ---- text ------------------------------------------------------------------- */

/* Appends as much of text as fits into `columns`; returns how many it took. What has no width is a "?". */
static size_t add_columns(struct evo_strbuf *out, const char *text, size_t columns)
{
    mbstate_t state = { 0 };
    size_t used = 0;
    size_t left = strlen(text);
    while (left) {
        wchar_t c = 0;
        size_t n = mbrtowc(&c, text, left, &state);
        bool broken = n == (size_t)-1 || n == (size_t)-2 || n == 0;
        int width = broken ? -1 : wcwidth(c);
        size_t wide = width < 0 ? 1 : (size_t)width;
        if (used + wide > columns)
            break;
        if (broken) {
            n = 1;
            state = (mbstate_t){ 0 };
        }
        if (width < 0)
            evo_strbuf_addch(out, '?');
        else
            evo_strbuf_add(out, text, n);
        used += wide;
        text += n;
        left -= n;
    }
    return used;
}

/* The parts of a line, in the order in which they stand. Each is ASCII, so its length is its width. */
enum part { PERCENT, BYTES, RATE, ITEMS, LEFT, PARTS };
struct parts {
    struct evo_strbuf text[PARTS];
};

static void parts_release(struct parts *parts)
{
    for (size_t i = 0; i < PARTS; i++)
        evo_strbuf_release(&parts->text[i]);
}

static void add_items(const struct evo_meter *m, struct evo_strbuf *out)
{
    if (!m->items && !m->items_total)
        return;
    evo_strbuf_addf(out, "%" PRIu64, m->items);
    if (m->items_total)
        evo_strbuf_addf(out, " of %" PRIu64, m->items_total);
    evo_strbuf_addf(out, " %s", m->item[0] ? m->item : "done");
}

/* In whole seconds: the rest would only flicker. */
static void add_left(const struct evo_meter *m, struct evo_strbuf *out)
{
    char human[EVO_HUMAN_MAX];
    int64_t s = (evo_meter_left(m) + 999) / 1000;
    if (evo_meter_left(m) < 0)
        return;
    if (s < 60)
        evo_strbuf_addf(out, "%" PRId64 " s left", s);
    else
        evo_strbuf_addf(out, "%s left", evo_format_duration(s * 1000, human));
}

static void parts_make(const struct evo_meter *m, struct parts *parts)
{
    char human[EVO_HUMAN_MAX];
    for (size_t i = 0; i < PARTS; i++)
        evo_strbuf_init(&parts->text[i], 0);
    int percent = evo_meter_percent(m);
    if (percent >= 0)
        evo_strbuf_addf(&parts->text[PERCENT], "%3d%%", percent);
    if (m->bytes || m->bytes_total)
        evo_strbuf_adds(&parts->text[BYTES], evo_format_size(m->bytes, human));
    if (bytes_total(m))
        evo_strbuf_addf(&parts->text[BYTES], " of %s", evo_format_size(m->bytes_total, human));
    if (evo_meter_rate(m))
        evo_strbuf_addf(&parts->text[RATE], "%s/s", evo_format_size(evo_meter_rate(m), human));
    add_items(m, &parts->text[ITEMS]);
    add_left(m, &parts->text[LEFT]);
}

static size_t parts_width(const struct parts *parts)
{
    size_t width = 0;
    for (size_t i = 0; i < PARTS; i++)
        width += parts->text[i].len ? parts->text[i].len + 2 : 0;
    return width;
}

/* Inside the brackets: few sizes, so that it does not change with every digit beside it. */
static size_t bar_size(size_t columns)
{
    return columns >= 110 ? 30 : columns >= 80 ? 20 : 10;
}

static void add_bar(struct evo_strbuf *out, int percent, size_t size)
{
    size_t done = (size_t)percent * size / 100;
    evo_strbuf_adds(out, " [");
    for (size_t i = 0; i < size; i++)
        evo_strbuf_addch(out, i < done ? '=' : i == done ? '>' : ' ');
    evo_strbuf_addch(out, ']');
}

void evo_meter_bar(const struct evo_meter *m, size_t columns, struct evo_strbuf *out)
{
    static const enum part least_first[] = { RATE, ITEMS, LEFT, BYTES, PERCENT };
    struct parts parts;
    parts_make(m, &parts);
    int percent = evo_meter_percent(m);
    size_t size = percent < 0 ? 0 : bar_size(columns);
    size_t fixed = strlen(m->what) + (size ? size + 3 : 0);
    size_t left_out = 0;
    while (left_out < EVO_COUNT(least_first) && fixed + parts_width(&parts) > columns)
        evo_strbuf_clear(&parts.text[least_first[left_out++]]);
    if (size && fixed > columns) {
        size = 0;
        fixed = strlen(m->what);
    }
    size_t used = add_columns(out, m->what, columns);
    if (size)
        add_bar(out, percent, size);
    for (size_t i = 0; i < PARTS; i++)
        if (parts.text[i].len)
            evo_strbuf_addf(out, "  %s", parts.text[i].buf);
    used += fixed - strlen(m->what) + parts_width(&parts);
    if (m->current[0] && !left_out && columns >= used + 2 + CURRENT_MIN) {
        evo_strbuf_adds(out, "  ");
        (void)add_columns(out, m->current, columns - used - 2);
    }
    parts_release(&parts);
}

void evo_meter_line(const struct evo_meter *m, struct evo_strbuf *out)
{
    struct parts parts;
    const char *before = ":";
    parts_make(m, &parts);
    evo_strbuf_adds(out, m->what);
    for (size_t i = BYTES; i < PARTS; i++) {
        if (!parts.text[i].len)
            continue;
        evo_strbuf_addf(out, "%s %s", before, parts.text[i].buf);
        before = ",";
        if (i == BYTES && bytes_total(m))
            evo_strbuf_addf(out, " (%d%%)", evo_meter_percent(m));
    }
    if (m->current[0]) {
        evo_strbuf_adds(out, " (");
        (void)add_columns(out, m->current, sizeof(m->current));
        evo_strbuf_addch(out, ')');
    }
    evo_strbuf_addch(out, '\n');
    parts_release(&parts);
}

void evo_meter_last_line(const struct evo_meter *m, struct evo_strbuf *out)
{
    char human[EVO_HUMAN_MAX];
    int64_t elapsed = m->seen_at - m->began_at;
    evo_strbuf_addf(out, "%s: ", m->what);
    if (m->bytes)
        evo_strbuf_adds(out, evo_format_size(m->bytes, human));
    if (m->bytes && bytes_total(m) > m->bytes)
        evo_strbuf_addf(out, " of %s", evo_format_size(m->bytes_total, human));
    if (m->bytes)
        evo_strbuf_adds(out, ", ");
    size_t before = out->len;
    add_items(m, out);
    evo_strbuf_addf(out, "%sin %s", out->len > before ? ", " : "", evo_format_duration(elapsed, human));
    if (m->bytes && elapsed >= RATE_AFTER_MS)
        evo_strbuf_addf(out, " (%s/s)",
                        evo_format_size((uint64_t)((double)m->bytes * 1000 / (double)elapsed), human));
    evo_strbuf_addch(out, '\n');
}

/* ---- JSON ------------------------------------------------------------------- */

static void set_known(struct evo_json *o, const char *key, bool known, int64_t value)
{
    if (known)
        evo_json_set_int(o, key, value);
    else
        evo_json_set_null(o, key);
}

struct evo_json *evo_meter_event(const struct evo_meter *m, const char *event, int64_t wall_ms)
{
    struct evo_json *o = evo_json_object();
    evo_json_set_string(o, "event", event);
    evo_json_set_string(o, "what", m->what);
    evo_json_set_time(o, "at", wall_ms);
    evo_json_set_int(o, "elapsed_ms", m->seen_at - m->began_at);
    evo_json_set_int(o, "bytes", (int64_t)m->bytes);
    set_known(o, "bytes_total", bytes_total(m) != 0, (int64_t)m->bytes_total);
    evo_json_set_int(o, "items", (int64_t)m->items);
    set_known(o, "items_total", m->items_total != 0, (int64_t)m->items_total);
    evo_json_set_string(o, "item", m->item[0] ? m->item : NULL);
    evo_json_set_string(o, "current", m->current[0] ? m->current : NULL);
    set_known(o, "rate_bytes", evo_meter_rate(m) != 0, (int64_t)evo_meter_rate(m));
    set_known(o, "left_ms", evo_meter_left(m) >= 0, evo_meter_left(m));
    return o;
}
