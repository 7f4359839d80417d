//! The zones of each country, by calling code; the first is where most people live.
//!
//! Left out are zones whose clock always shows what another one of the same country shows (Phoenix goes with Denver or with Los
//! Angeles), and islets and stations of a few hundred people. Countries that share a calling code have their own area codes here,
//! as in the Caribbean, and Kazakhstan in `+7`.

use chrono_tz::Tz;

macro_rules! zones {
    ($($code:literal: $($zone:ident)+,)*) => { &[$(($code, &[$(Tz::$zone),+])),*] };
}

/// In the order of the codes as text, for a binary search.
pub(super) const TABLE: &[(&str, &[Tz])] = zones! {

    "1": America__New_York America__Chicago America__Denver America__Los_Angeles America__Anchorage Pacific__Honolulu
        America__Halifax America__St_Johns,
    "1242": America__Nassau, "1246": America__Barbados, "1264": America__Anguilla, "1268": America__Antigua,
    "1284": America__Tortola, "1340": America__St_Thomas, "1345": America__Cayman, "1441": Atlantic__Bermuda,
    "1473": America__Grenada, "1649": America__Grand_Turk, "1658": America__Jamaica, "1664": America__Montserrat,
    "1670": Pacific__Saipan, "1671": Pacific__Guam, "1684": Pacific__Pago_Pago, "1721": America__Lower_Princes,
    "1758": America__St_Lucia, "1767": America__Dominica, "1784": America__St_Vincent, "1787": America__Puerto_Rico,
    "1809": America__Santo_Domingo, "1829": America__Santo_Domingo, "1849": America__Santo_Domingo,
    "1868": America__Port_of_Spain, "1869": America__St_Kitts, "1876": America__Jamaica, "1939": America__Puerto_Rico,
    "20": Africa__Cairo, "211": Africa__Juba, "212": Africa__Casablanca, "213": Africa__Algiers, "216": Africa__Tunis,
    "218": Africa__Tripoli, "220": Africa__Banjul, "221": Africa__Dakar, "222": Africa__Nouakchott,
    "223": Africa__Bamako, "224": Africa__Conakry, "225": Africa__Abidjan, "226": Africa__Ouagadougou,
    "227": Africa__Niamey, "228": Africa__Lome, "229": Africa__PortoNovo, "230": Indian__Mauritius,
    "231": Africa__Monrovia, "232": Africa__Freetown, "233": Africa__Accra, "234": Africa__Lagos,
    "235": Africa__Ndjamena, "236": Africa__Bangui, "237": Africa__Douala, "238": Atlantic__Cape_Verde,
    "239": Africa__Sao_Tome, "240": Africa__Malabo, "241": Africa__Libreville, "242": Africa__Brazzaville,
    "243": Africa__Kinshasa Africa__Lubumbashi, "244": Africa__Luanda, "245": Africa__Bissau, "246": Indian__Chagos,
    "247": Atlantic__St_Helena, "248": Indian__Mahe, "249": Africa__Khartoum, "250": Africa__Kigali,
    "251": Africa__Addis_Ababa, "252": Africa__Mogadishu, "253": Africa__Djibouti, "254": Africa__Nairobi,
    "255": Africa__Dar_es_Salaam, "256": Africa__Kampala, "257": Africa__Bujumbura, "258": Africa__Maputo,
    "260": Africa__Lusaka, "261": Indian__Antananarivo, "262": Indian__Reunion Indian__Mayotte, "263": Africa__Harare,
    "264": Africa__Windhoek, "265": Africa__Blantyre, "266": Africa__Maseru, "267": Africa__Gaborone,
    "268": Africa__Mbabane, "269": Indian__Comoro, "27": Africa__Johannesburg, "290": Atlantic__St_Helena,
    "291": Africa__Asmara, "297": America__Aruba, "298": Atlantic__Faroe,
    "299": America__Nuuk America__Thule America__Danmarkshavn,
    "30": Europe__Athens, "31": Europe__Amsterdam, "32": Europe__Brussels, "33": Europe__Paris,
    "34": Europe__Madrid Atlantic__Canary, "350": Europe__Gibraltar, "351": Europe__Lisbon Atlantic__Azores,
    "352": Europe__Luxembourg, "353": Europe__Dublin, "354": Atlantic__Reykjavik, "355": Europe__Tirane,
    "356": Europe__Malta, "357": Asia__Nicosia, "358": Europe__Helsinki, "359": Europe__Sofia, "36": Europe__Budapest,
    "370": Europe__Vilnius, "371": Europe__Riga, "372": Europe__Tallinn, "373": Europe__Chisinau,
    "374": Asia__Yerevan, "375": Europe__Minsk, "376": Europe__Andorra, "377": Europe__Monaco,
    "378": Europe__San_Marino, "379": Europe__Vatican, "380": Europe__Kyiv, "381": Europe__Belgrade,
    "382": Europe__Podgorica, "383": Europe__Belgrade, "385": Europe__Zagreb, "386": Europe__Ljubljana,
    "387": Europe__Sarajevo, "389": Europe__Skopje, "39": Europe__Rome,
    "40": Europe__Bucharest, "41": Europe__Zurich, "420": Europe__Prague, "421": Europe__Bratislava,
    "423": Europe__Vaduz, "43": Europe__Vienna, "44": Europe__London, "45": Europe__Copenhagen,
    "46": Europe__Stockholm, "47": Europe__Oslo, "48": Europe__Warsaw, "49": Europe__Berlin,
    "500": Atlantic__Stanley, "501": America__Belize, "502": America__Guatemala, "503": America__El_Salvador,
    "504": America__Tegucigalpa, "505": America__Managua, "506": America__Costa_Rica, "507": America__Panama,
    "508": America__Miquelon, "509": America__PortauPrince, "51": America__Lima,
    "52": America__Mexico_City America__Cancun America__Hermosillo America__Tijuana, "53": America__Havana,
    "54": America__Argentina__Buenos_Aires,
    "55": America__Sao_Paulo America__Noronha America__Manaus America__Rio_Branco,
    "56": America__Santiago America__Punta_Arenas Pacific__Easter, "57": America__Bogota, "58": America__Caracas,
    "590": America__Guadeloupe, "591": America__La_Paz, "592": America__Guyana,
    "593": America__Guayaquil Pacific__Galapagos, "594": America__Cayenne, "595": America__Asuncion,
    "596": America__Martinique, "597": America__Paramaribo, "598": America__Montevideo, "599": America__Curacao,
    "60": Asia__Kuala_Lumpur,
    "61": Australia__Sydney Australia__Brisbane Australia__Adelaide Australia__Darwin Australia__Perth,
    "62": Asia__Jakarta Asia__Makassar Asia__Jayapura, "63": Asia__Manila, "64": Pacific__Auckland Pacific__Chatham,
    "65": Asia__Singapore, "66": Asia__Bangkok, "670": Asia__Dili, "672": Pacific__Norfolk, "673": Asia__Brunei,
    "674": Pacific__Nauru, "675": Pacific__Port_Moresby Pacific__Bougainville, "676": Pacific__Tongatapu,
    "677": Pacific__Guadalcanal, "678": Pacific__Efate, "679": Pacific__Fiji, "680": Pacific__Palau,
    "681": Pacific__Wallis, "682": Pacific__Rarotonga, "683": Pacific__Niue, "685": Pacific__Apia,
    "686": Pacific__Tarawa Pacific__Kanton Pacific__Kiritimati, "687": Pacific__Noumea, "688": Pacific__Funafuti,
    "689": Pacific__Tahiti Pacific__Marquesas Pacific__Gambier, "690": Pacific__Fakaofo,
    "691": Pacific__Pohnpei Pacific__Chuuk, "692": Pacific__Majuro,

    "7": Europe__Moscow Europe__Kaliningrad Europe__Samara Asia__Yekaterinburg Asia__Omsk Asia__Krasnoyarsk
        Asia__Irkutsk Asia__Yakutsk Asia__Vladivostok Asia__Magadan Asia__Kamchatka,
    "76": Asia__Almaty, "77": Asia__Almaty,
    "81": Asia__Tokyo, "82": Asia__Seoul, "84": Asia__Ho_Chi_Minh, "850": Asia__Pyongyang, "852": Asia__Hong_Kong,
    "853": Asia__Macau, "855": Asia__Phnom_Penh, "856": Asia__Vientiane, "86": Asia__Shanghai, "880": Asia__Dhaka,
    "886": Asia__Taipei,
    "90": Europe__Istanbul, "91": Asia__Kolkata, "92": Asia__Karachi, "93": Asia__Kabul, "94": Asia__Colombo,
    "95": Asia__Yangon, "960": Indian__Maldives, "961": Asia__Beirut, "962": Asia__Amman, "963": Asia__Damascus,
    "964": Asia__Baghdad, "965": Asia__Kuwait, "966": Asia__Riyadh, "967": Asia__Aden, "968": Asia__Muscat,
    "970": Asia__Gaza, "971": Asia__Dubai, "972": Asia__Jerusalem, "973": Asia__Bahrain, "974": Asia__Qatar,
    "975": Asia__Thimphu, "976": Asia__Ulaanbaatar Asia__Hovd, "977": Asia__Kathmandu, "992": Asia__Dushanbe,
    "993": Asia__Ashgabat, "994": Asia__Baku, "995": Asia__Tbilisi, "996": Asia__Bishkek, "998": Asia__Tashkent,
};
