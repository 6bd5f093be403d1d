//! Windows code pages and font character sets.

use encoding_rs::Encoding;

/// The encoding of a Windows code page; windows-1252 for those nobody has.
pub(super) fn of_code_page(number: i32) -> &'static Encoding {
    use encoding_rs as e;
    match number {
        866 => e::IBM866,
        874 => e::WINDOWS_874,
        932 => e::SHIFT_JIS,
        936 => e::GBK,
        949 => e::EUC_KR,
        950 => e::BIG5,
        1250 => e::WINDOWS_1250,
        1251 => e::WINDOWS_1251,
        1253 => e::WINDOWS_1253,
        1254 => e::WINDOWS_1254,
        1255 => e::WINDOWS_1255,
        1256 => e::WINDOWS_1256,
        1257 => e::WINDOWS_1257,
        1258 => e::WINDOWS_1258,
        10000 => e::MACINTOSH,
        10007 => e::X_MAC_CYRILLIC,
        20866 => e::KOI8_R,
        21866 => e::KOI8_U,
        28592 => e::ISO_8859_2,
        28595 => e::ISO_8859_5,
        54936 => e::GB18030,
        65001 => e::UTF_8,
        _ => e::WINDOWS_1252,
    }
}

/// The encoding of `\fcharset`; `None` where the document's own applies.
pub(super) fn of_charset(number: i32) -> Option<&'static Encoding> {
    let code_page = match number {
        0 => 1252,
        77 => 10000,
        128 => 932,
        129 | 130 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        _ => return None,
    };
    Some(of_code_page(code_page))
}
