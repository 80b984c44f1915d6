#include "store/s3_xml.h"

#include <expat.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/parse.h"
#include "store/backend.h"

#define DEPTH_MAX 16
#define PATH_SIZE 512
#define TEXT_MAX  ((size_t)64 << 10)

/* ---- any document ---- */

struct parser {
    XML_Parser expat;
    size_t ends[DEPTH_MAX]; /* path lengths of the open elements */
    int depth;
    char path[PATH_SIZE];
    struct evo_strbuf text; /* of the innermost element */
    /* Called when an element ends. Returning false ends the parse as a failure. */
    bool (*element)(void *ctx, const char *path, const char *text);
    void *ctx;
    bool failed;
};

static void give_up(struct parser *p)
{
    p->failed = true;
    (void)XML_StopParser(p->expat, XML_FALSE);
}

static void XMLCALL on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
    (void)attributes;
    struct parser *p = ctx;
    const char *colon = strchr(name, ':');
    if (colon)
        name = colon + 1;
    size_t used = p->depth ? p->ends[p->depth - 1] : 0;
    if (p->depth == DEPTH_MAX || used + strlen(name) + 2 > sizeof(p->path)) {
        give_up(p);
        return;
    }
    int n = snprintf(p->path + used, sizeof(p->path) - used, "%s%s", used ? "/" : "", name);
    p->ends[p->depth++] = used + (size_t)n;
    evo_strbuf_clear(&p->text);
}

static void XMLCALL on_end(void *ctx, const XML_Char *name)
{
    (void)name;
    struct parser *p = ctx;
    if (p->failed)
        return;
    if (!evo_strbuf_ok(&p->text) || !p->element(p->ctx, p->path, p->text.buf)) {
        give_up(p);
        return;
    }
    p->depth--;
    p->path[p->depth ? p->ends[p->depth - 1] : 0] = '\0';
    evo_strbuf_clear(&p->text);
}

static void XMLCALL on_text(void *ctx, const XML_Char *s, int n)
{
    struct parser *p = ctx;
    evo_strbuf_add(&p->text, s, (size_t)n);
}

static void XMLCALL on_doctype(void *ctx, const XML_Char *name, const XML_Char *system_id,
                               const XML_Char *public_id, int has_internal_subset)
{
    (void)name, (void)system_id, (void)public_id, (void)has_internal_subset;
    give_up(ctx);
}

static bool parse(const char *xml, size_t n, bool (*element)(void *ctx, const char *path, const char *text),
                  void *ctx)
{
    if (n > (size_t)64 << 20)
        return false;
    struct parser p = { .expat = XML_ParserCreate("UTF-8"),
                        .text = EVO_STRBUF_INIT_MAX(TEXT_MAX),
                        .element = element,
                        .ctx = ctx };
    EVO_ASSERT(p.expat != NULL);
    XML_SetUserData(p.expat, &p);
    XML_SetElementHandler(p.expat, on_start, on_end);
    XML_SetCharacterDataHandler(p.expat, on_text);
    XML_SetStartDoctypeDeclHandler(p.expat, on_doctype);
    bool ok = XML_Parse(p.expat, xml, (int)n, XML_TRUE) == XML_STATUS_OK && !p.failed;
    XML_ParserFree(p.expat);
    evo_strbuf_wipe(&p.text); /* STS answers hold a secret */
    return ok;
}

/* True and *ret behind it when path begins with root and "/". */
static bool below(const char *path, const char *root, const char **ret)
{
    size_t n = strlen(root);
    if (strncmp(path, root, n) != 0 || path[n] != '/')
        return false;
    *ret = path + n + 1;
    return true;
}

/* ---- errors ---- */

struct fault_parse {
    struct evo_s3_fault *fault;
    bool seen;
};

static bool fault_element(void *ctx, const char *path, const char *text)
{
    struct fault_parse *f = ctx;
    const char *name;
    if (evo_streq(path, "Error") || evo_streq(path, "ErrorResponse"))
        f->seen = true;
    if (!below(path, "Error", &name) && !below(path, "ErrorResponse/Error", &name))
        return true;
    if (evo_streq(name, "Code"))
        (void)snprintf(f->fault->code, sizeof(f->fault->code), "%s", text);
    else if (evo_streq(name, "Message"))
        (void)snprintf(f->fault->message, sizeof(f->fault->message), "%s", text);
    else if (evo_streq(name, "Region"))
        (void)snprintf(f->fault->region, sizeof(f->fault->region), "%s", text);
    else if (evo_streq(name, "Header") || evo_streq(name, "ArgumentName"))
        (void)snprintf(f->fault->about, sizeof(f->fault->about), "%s", text);
    else if (evo_streq(name, "ServerTime"))
        (void)evo_parse_time(text, &f->fault->server_time_ms);
    return true;
}

bool evo_s3_xml_fault(const char *xml, size_t n, struct evo_s3_fault *ret)
{
    struct fault_parse f = { .fault = ret };
    memset(ret, 0, sizeof(*ret));
    return parse(xml, n, fault_element, &f) && f.seen;
}

/* ---- listings ---- */

struct page_parse {
    struct evo_s3_page *page;
    bool seen, truncated, encoded;
    char *token, *key, *folder;
    uint64_t size;
    int64_t mtime_ms;
};

static void keep(char **slot, const char *text)
{
    free(*slot);
    *slot = evo_strdup(text);
}

static bool page_element(void *ctx, const char *path, const char *text)
{
    struct page_parse *p = ctx;
    const char *name;
    if (evo_streq(path, "ListBucketResult"))
        p->seen = true;
    if (!below(path, "ListBucketResult", &name))
        return true;
    if (evo_streq(name, "Contents/Key")) {
        keep(&p->key, text);
    } else if (evo_streq(name, "Contents/Size")) {
        return evo_parse_uint64(text, INT64_MAX, &p->size);
    } else if (evo_streq(name, "Contents/LastModified")) {
        return evo_parse_time(text, &p->mtime_ms);
    } else if (evo_streq(name, "Contents")) {
        if (!p->key)
            return false;
        evo_store_list_add(&p->page->list, p->key, p->size, p->mtime_ms);
        free(p->key);
        p->key = NULL;
        p->size = 0;
        p->mtime_ms = 0;
    } else if (evo_streq(name, "CommonPrefixes/Prefix")) {
        evo_strvec_push(&p->page->list.folders, text);
    } else if (evo_streq(name, "IsTruncated")) {
        p->truncated = evo_streq(text, "true");
    } else if (evo_streq(name, "NextContinuationToken")) {
        keep(&p->token, text);
    } else if (evo_streq(name, "EncodingType")) {
        p->encoded = evo_streq(text, "url");
    }
    return true;
}

/* Form decoding, as encoding-type=url is on AWS: "+" is a blank. */
static bool decode(char **text)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    for (char *p = *text; *p; p++)
        if (*p == '+')
            *p = ' ';
    if (!evo_percent_decode(&out, *text, strlen(*text)))
        return false;
    free(*text);
    *text = evo_strbuf_detach(&out);
    return true;
}

bool evo_s3_xml_page(const char *xml, size_t n, struct evo_s3_page *ret)
{
    struct page_parse p = { .page = ret };
    bool ok = parse(xml, n, page_element, &p) && p.seen;
    /* The element may stand behind the keys it speaks of: decode at the end. */
    for (size_t i = 0; ok && p.encoded && i < ret->list.count; i++)
        ok = decode(&ret->list.items[i].key);
    for (size_t i = 0; ok && p.encoded && i < ret->list.folders.count; i++)
        ok = decode(&ret->list.folders.items[i]);
    if (ok && p.truncated) {
        ret->next = p.token;
        p.token = NULL;
        ok = ret->next && *ret->next;
    }
    free(p.token);
    free(p.key);
    return ok;
}

void evo_s3_page_release(struct evo_s3_page *page)
{
    if (!page)
        return;
    evo_store_list_release(&page->list);
    free(page->next);
    page->next = NULL;
}

/* ---- multipart uploads ---- */

static bool upload_id_element(void *ctx, const char *path, const char *text)
{
    if (evo_streq(path, "InitiateMultipartUploadResult/UploadId") && *text)
        keep(ctx, text);
    return true;
}

bool evo_s3_xml_upload_id(const char *xml, size_t n, char **ret)
{
    EVO_AUTO_STR id = NULL;
    if (!parse(xml, n, upload_id_element, &id) || !id)
        return false;
    *ret = id;
    id = NULL;
    return true;
}

static bool completed_element(void *ctx, const char *path, const char *text)
{
    (void)text;
    if (evo_streq(path, "CompleteMultipartUploadResult"))
        *(bool *)ctx = true;
    return true;
}

bool evo_s3_xml_completed(const char *xml, size_t n)
{
    bool seen = false;
    return parse(xml, n, completed_element, &seen) && seen;
}

struct uploads_parse {
    struct evo_s3_uploads_page *page;
    char *key, *id;
    int64_t started_ms;
    bool encoded, seen;
};

static bool uploads_element(void *ctx, const char *path, const char *text)
{
    struct uploads_parse *u = ctx;
    const char *name;
    if (evo_streq(path, "ListMultipartUploadsResult"))
        u->seen = true;
    if (!below(path, "ListMultipartUploadsResult", &name))
        return true;
    if (evo_streq(name, "Upload/Key")) {
        keep(&u->key, text);
    } else if (evo_streq(name, "Upload/UploadId")) {
        keep(&u->id, text);
    } else if (evo_streq(name, "Upload/Initiated")) {
        (void)evo_parse_time(text, &u->started_ms); /* some leave it out: -1 */
    } else if (evo_streq(name, "Upload")) {
        if (u->key && u->id)
            evo_store_uploads_add(&u->page->list, u->key, u->id, u->started_ms);
        free(u->key);
        free(u->id);
        u->key = u->id = NULL;
        u->started_ms = -1;
    } else if (evo_streq(name, "IsTruncated")) {
        u->page->truncated = evo_streq(text, "true");
    } else if (evo_streq(name, "NextKeyMarker") && *text) {
        keep(&u->page->next_key, text);
    } else if (evo_streq(name, "NextUploadIdMarker") && *text) {
        keep(&u->page->next_id, text);
    } else if (evo_streq(name, "EncodingType")) {
        u->encoded = evo_streq(text, "url");
    }
    return true;
}

bool evo_s3_xml_uploads(const char *xml, size_t n, struct evo_s3_uploads_page *ret)
{
    struct uploads_parse u = { .page = ret, .started_ms = -1 };
    bool ok = parse(xml, n, uploads_element, &u) && u.seen;
    for (size_t i = 0; ok && u.encoded && i < ret->list.count; i++)
        ok = decode(&ret->list.items[i].key);
    if (ok && u.encoded && ret->next_key)
        ok = decode(&ret->next_key);
    free(u.key);
    free(u.id);
    return ok;
}

void evo_s3_uploads_page_release(struct evo_s3_uploads_page *page)
{
    if (!page)
        return;
    evo_store_uploads_release(&page->list);
    free(page->next_key);
    free(page->next_id);
    page->next_key = page->next_id = NULL;
}

static bool parts_element(void *ctx, const char *path, const char *text)
{
    (void)text;
    if (evo_streq(path, "ListPartsResult/Part"))
        *(bool *)ctx = true;
    return true;
}

bool evo_s3_xml_has_parts(const char *xml, size_t n)
{
    bool seen = false;
    return parse(xml, n, parts_element, &seen) && seen;
}

/* ---- STS ---- */

static bool sts_element(void *ctx, const char *path, const char *text)
{
    struct evo_sts_answer *a = ctx;
    const char *name;
    if (!below(path, "AssumeRoleWithWebIdentityResponse/AssumeRoleWithWebIdentityResult/Credentials", &name))
        return true;
    if (evo_streq(name, "AccessKeyId"))
        evo_strbuf_adds(&a->access_key, text);
    else if (evo_streq(name, "SecretAccessKey"))
        evo_strbuf_adds(&a->secret_key, text);
    else if (evo_streq(name, "SessionToken"))
        evo_strbuf_adds(&a->token, text);
    else if (evo_streq(name, "Expiration"))
        return evo_parse_time(text, &a->expires_ms);
    return true;
}

bool evo_s3_xml_sts(const char *xml, size_t n, struct evo_sts_answer *ret)
{
    return parse(xml, n, sts_element, ret) && ret->access_key.len && ret->secret_key.len && ret->token.len &&
           ret->expires_ms > 0;
}
