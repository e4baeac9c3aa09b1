/// Which pairs of letters are one token in each of five vocabularies that stand for those in use: byte-level ones of
/// 65,000 to 131,000 tokens (OpenAI cl100k, Anthropic, DeepSeek, Mistral's Tekken) and SentencePiece of 32,000.
///
/// Where a pair is one token, its letters never stay two tokens side by side. So text in natural languages is counted
/// at about one token for two letters, and made-up text without such pairs at one for each.
enum LetterPairs {
    /// Rows of 26 bits, bit 0 for `a`, by the first letter: within a word; at its start after a blank; after a
    /// capital within a word; after a capital at a word's start after a blank.
    static let rows: [UInt32] = [
        0x03FE_FFFF, 0x011E_F97F, 0x03BF_FDBF, 0x03FE_FDBF, 0x03FF_BFFF, 0x01DE_F97F, 0x031E_E9DB, 0x015E_F999,
        0x03FF_FFFF, 0x0014_4719, 0x017E_7DD7, 0x013E_FB5F, 0x01BF_FD5F, 0x019E_F9FF, 0x03FE_FFFF, 0x019E_FDFF,
        0x001D_8801, 0x03FE_F9FF, 0x037F_FDFF, 0x03FE_FDBF, 0x03FE_FFFF, 0x012E_D91D, 0x01CE_F99F, 0x018C_093F,
        0x010E_FC5D, 0x035C_759B,
        0x03FE_FFEE, 0x011A_4955, 0x01B6_D9BF, 0x03FE_C937, 0x01BF_BE4E, 0x001E_E919, 0x0112_4911, 0x0102_4111,
        0x022E_FDFE, 0x0014_4011, 0x0060_7951, 0x0110_C913, 0x019C_DD5B, 0x0116_E959, 0x02BE_BCEE, 0x019E_D9DF,
        0x0010_0000, 0x019C_5197, 0x037D_FFBF, 0x01FE_D1BF, 0x000E_B90A, 0x0116_5911, 0x0182_C091, 0x0000_0000,
        0x0100_4011, 0x0050_4011,
        0x022E_B8EE, 0x0112_4910, 0x0002_4880, 0x0012_4113, 0x00A7_3808, 0x0002_2910, 0x0012_4811, 0x0300_0111,
        0x000E_F828, 0x0004_4010, 0x0000_0010, 0x0010_4111, 0x0116_4015, 0x0004_4011, 0x0006_B4A2, 0x010E_4990,
        0x0018_0000, 0x0080_4010, 0x0158_FD95, 0x01C2_4090, 0x000C_A100, 0x0000_4100, 0x0000_0090, 0x0000_0000,
        0x0000_0000, 0x0000_0000,
        0x03FE_BCEE, 0x0112_4991, 0x0112_4991, 0x0112_4111, 0x02BF_BC4C, 0x0012_4911, 0x0112_4991, 0x0110_4111,
        0x022E_7828, 0x0012_4111, 0x0112_6991, 0x0110_4111, 0x0116_4115, 0x0110_4151, 0x028E_BCE2, 0x0112_49B1,
        0x0018_0000, 0x0114_4091, 0x035A_FD95, 0x0156_4191, 0x0006_B800, 0x0000_4111, 0x0110_4191, 0x0000_0000,
        0x0010_0011, 0x0010_0010,
    ]

    static let within = 0
    static let afterBlank = 26
    /// Added for a capital.
    static let capital = 52
}
