"""What languages in Latin letters look like: one story in each, and their most frequent words.

The story was written for this plugin, and so were its translations.
"""

TEXTS = {
    "en": """
In the morning the gardener walks through the greenhouse and looks at every plant. She knows that
some of them have come from far away, where it is warm and where it often rains. If the leaves are
yellow they need more light, and if the soil is dry they need water. In the evening she writes down
what she has seen, because tomorrow she would like to know which plants have grown. Her children
ask her why the ferns have no flowers. They are much older than flowers, she says, and they have
always lived without them. Then everybody goes home, the lamps go out, and the house of glass is
quiet. We could all learn something from this patience, even when there is little time.
the of and to a in that it is was for on with as he she they you we his her their at by this but
not from or be are have had were which one all would there what been if who more when will can
""",
    "de": """
Am Morgen geht die Gärtnerin durch das Gewächshaus und sieht sich jede Pflanze an. Sie weiß, dass
manche von ihnen von weit her gekommen sind, wo es warm ist und wo es oft regnet. Wenn die Blätter
gelb sind, brauchen sie mehr Licht, und wenn die Erde trocken ist, brauchen sie Wasser. Am Abend
schreibt sie auf, was sie gesehen hat, denn morgen möchte sie wissen, welche Pflanzen gewachsen
sind. Ihre Kinder fragen sie, warum die Farne keine Blüten haben. Sie sind viel älter als Blumen,
sagt sie, und haben immer ohne sie gelebt. Dann gehen alle nach Hause, die Lampen gehen aus, und
das Haus aus Glas ist still. Wir könnten alle etwas von dieser Geduld lernen.
der die das und in zu den von mit sich des auf für ist im dem nicht ein eine als auch es an werden
aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur
""",
    "fr": """
Le matin, la jardinière traverse la serre et regarde chaque plante. Elle sait que certaines d'entre
elles sont venues de très loin, où il fait chaud et où il pleut souvent. Si les feuilles sont
jaunes, il leur faut plus de lumière, et si la terre est sèche, il leur faut de l'eau. Le soir elle
écrit ce qu'elle a vu, parce que demain elle voudrait savoir quelles plantes ont grandi. Ses enfants
lui demandent pourquoi les fougères n'ont pas de fleurs. Elles sont beaucoup plus vieilles que les
fleurs, dit-elle, et elles ont toujours vécu sans elles. Puis tout le monde rentre à la maison, les
lampes s'éteignent et la maison de verre est calme. Nous pourrions tous apprendre cette patience.
de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec
son cette aux ou mais comme nous vous leur on été être fait même ses elle où aussi ils était
""",
    "es": """
Por la mañana la jardinera recorre el invernadero y mira cada planta. Sabe que algunas de ellas han
venido de muy lejos, donde hace calor y donde llueve a menudo. Si las hojas están amarillas,
necesitan más luz, y si la tierra está seca, necesitan agua. Por la noche escribe lo que ha visto,
porque mañana quisiera saber qué plantas han crecido. Sus hijos le preguntan por qué los helechos no
tienen flores. Son mucho más viejos que las flores, dice ella, y siempre han vivido sin ellas.
Después todos se van a casa, las lámparas se apagan y la casa de cristal queda en silencio. Todos
podríamos aprender algo de esta paciencia, también cuando hay poco tiempo.
de la que el en y a los del se las por un para con no una su al lo como más pero sus le ya o este
sí porque esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos durante
""",
    "pt": """
De manhã a jardineira atravessa a estufa e olha para cada planta. Ela sabe que algumas delas vieram
de muito longe, onde faz calor e onde chove muitas vezes. Se as folhas estão amarelas, precisam de
mais luz, e se a terra está seca, precisam de água. À noite ela escreve o que viu, porque amanhã
gostaria de saber que plantas cresceram. Os seus filhos perguntam-lhe por que os fetos não têm
flores. São muito mais velhos do que as flores, diz ela, e sempre viveram sem elas. Depois todos vão
para casa, as lâmpadas apagam-se e a casa de vidro fica em silêncio. Todos nós poderíamos aprender
alguma coisa com esta paciência, também quando há pouco tempo.
de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem
à seu sua ou ser quando muito há nos já está eu também só pelo pela até isso ela entre era depois
""",
    "it": """
Al mattino la giardiniera attraversa la serra e guarda ogni pianta. Sa che alcune di esse sono
venute da molto lontano, dove fa caldo e dove piove spesso. Se le foglie sono gialle, hanno bisogno
di più luce, e se la terra è secca, hanno bisogno di acqua. La sera scrive quello che ha visto,
perché domani vorrebbe sapere quali piante sono cresciute. I suoi figli le chiedono perché le felci
non hanno fiori. Sono molto più vecchie dei fiori, dice, e hanno sempre vissuto senza di loro. Poi
tutti vanno a casa, le lampade si spengono e la casa di vetro è tranquilla. Tutti noi potremmo
imparare qualcosa da questa pazienza, anche quando c'è poco tempo.
di e il la che a in un è per una sono con non del si da le dei al come nel della i lo ha alla più
gli anche ma o questo su delle se ci degli questa era suo dalla essere nella stato tra loro ho
""",
    "nl": """
's Ochtends loopt de tuinierster door de kas en bekijkt elke plant. Ze weet dat sommige ervan van
ver gekomen zijn, waar het warm is en waar het vaak regent. Als de bladeren geel zijn, hebben ze
meer licht nodig, en als de aarde droog is, hebben ze water nodig. 's Avonds schrijft ze op wat ze
gezien heeft, want morgen zou ze graag weten welke planten gegroeid zijn. Haar kinderen vragen haar
waarom de varens geen bloemen hebben. Ze zijn veel ouder dan bloemen, zegt ze, en ze hebben altijd
zonder geleefd. Dan gaat iedereen naar huis, de lampen gaan uit en het huis van glas is stil. Wij
zouden allemaal iets kunnen leren van dit geduld, ook wanneer er weinig tijd is.
de van het een en in is dat op te zijn met voor niet die aan er om ook als dan maar bij nog uit
worden door naar heeft tot ze wordt of al was meer je kan deze werd over hij hebben geen wel
""",
    "sv": """
På morgonen går trädgårdsmästaren genom växthuset och tittar på varje planta. Hon vet att några av
dem har kommit långt bortifrån, där det är varmt och där det ofta regnar. Om bladen är gula behöver
de mer ljus, och om jorden är torr behöver de vatten. På kvällen skriver hon ner vad hon har sett,
för i morgon skulle hon vilja veta vilka växter som har vuxit. Hennes barn frågar henne varför
ormbunkarna inte har några blommor. De är mycket äldre än blommor, säger hon, och de har alltid
levt utan dem. Sedan går alla hem, lamporna släcks och huset av glas är tyst. Vi skulle alla kunna
lära oss något av detta tålamod, också när det finns lite tid.
och i att det som en på är av för med den till inte om ett har de jag var han men sig från vi så
kan när man nu också efter vid hon upp eller vara ut alla hade skulle där mycket något under bara
""",
    "da": """
Om morgenen går gartneren gennem drivhuset og ser på hver plante. Hun ved, at nogle af dem er kommet
langvejs fra, hvor det er varmt, og hvor det ofte regner. Hvis bladene er gule, har de brug for mere
lys, og hvis jorden er tør, har de brug for vand. Om aftenen skriver hun ned, hvad hun har set, for
i morgen vil hun gerne vide, hvilke planter der er vokset. Hendes børn spørger hende, hvorfor
bregnerne ikke har nogen blomster. De er meget ældre end blomster, siger hun, og de har altid levet
uden dem. Så går alle hjem, lamperne slukkes, og huset af glas er stille. Vi kunne alle sammen lære
noget af denne tålmodighed, også når der kun er lidt tid.
og i at det er en til af på for med som den der ikke et de var han har jeg men fra kan om vi så
skal ved blev hun nu efter over også være ud eller op da mere når noget hvor meget kunne selv efter
""",
    "nb": """
Om morgenen går gartneren gjennom drivhuset og ser på hver plante. Hun vet at noen av dem har kommet
langveisfra, der det er varmt og der det ofte regner. Hvis bladene er gule, trenger de mer lys, og
hvis jorda er tørr, trenger de vann. Om kvelden skriver hun ned hva hun har sett, for i morgen vil
hun gjerne vite hvilke planter som har vokst. Barna hennes spør henne hvorfor bregnene ikke har noen
blomster. De er mye eldre enn blomster, sier hun, og de har alltid levd uten dem. Så går alle hjem,
lampene slukkes, og huset av glass er stille. Vi kunne alle sammen lære noe av denne tålmodigheten,
også når det bare er litt tid.
og i det er på som en til av for med at ikke den har de et var han jeg men fra kan om vi så skal
ved ble hun nå etter over også være ut eller opp mer når noe hvor mye kunne selv mot bare etter
""",
    "fi": """
Aamulla puutarhuri kävelee kasvihuoneen läpi ja katsoo jokaista kasvia. Hän tietää, että jotkut
niistä ovat tulleet kaukaa, missä on lämmintä ja missä sataa usein. Jos lehdet ovat keltaisia, ne
tarvitsevat enemmän valoa, ja jos multa on kuivaa, ne tarvitsevat vettä. Illalla hän kirjoittaa
muistiin, mitä on nähnyt, koska huomenna hän haluaisi tietää, mitkä kasvit ovat kasvaneet. Hänen
lapsensa kysyvät häneltä, miksi saniaisilla ei ole kukkia. Ne ovat paljon vanhempia kuin kukat, hän
sanoo, ja ne ovat aina eläneet ilman niitä. Sitten kaikki menevät kotiin, lamput sammuvat ja lasinen
talo on hiljaa. Me kaikki voisimme oppia jotakin tästä kärsivällisyydestä.
ja on ei että se oli hän en mutta niin kuin ovat joka myös mitä voi minä ole sen kun jos tai vain
olla sitä nyt mukaan jo vuoden kanssa sekä ollut vielä tämä siitä hänen me kaikki mukaan noin
""",
    "et": """
Hommikul kõnnib aednik läbi kasvuhoone ja vaatab iga taime. Ta teab, et mõned neist on tulnud
kaugelt, kus on soe ja kus sajab sageli vihma. Kui lehed on kollased, vajavad nad rohkem valgust, ja
kui muld on kuiv, vajavad nad vett. Õhtul kirjutab ta üles, mida ta on näinud, sest homme tahaks ta
teada, millised taimed on kasvanud. Tema lapsed küsivad temalt, miks sõnajalgadel ei ole õisi. Nad
on palju vanemad kui lilled, ütleb ta, ja nad on alati elanud ilma nendeta. Siis lähevad kõik koju,
lambid kustuvad ja klaasist maja on vaikne. Me kõik võiksime sellest kannatlikkusest midagi õppida,
ka siis, kui aega on vähe.
ja on et ei oli ta ka see kui oma aga mis nii ning siis seda ole või veel selle ma välja tema mille
nad just peab kes kuid üks nagu juba võib kõik mida sest seal mitte pärast enam tuleb kus saab
""",
    "pl": """
Rano ogrodniczka przechodzi przez szklarnię i ogląda każdą roślinę. Wie, że niektóre z nich
przybyły z daleka, gdzie jest ciepło i gdzie często pada deszcz. Jeśli liście są żółte, potrzebują
więcej światła, a jeśli ziemia jest sucha, potrzebują wody. Wieczorem zapisuje to, co widziała, bo
jutro chciałaby wiedzieć, które rośliny urosły. Jej dzieci pytają ją, dlaczego paprocie nie mają
kwiatów. Są dużo starsze niż kwiaty, mówi, i zawsze żyły bez nich. Potem wszyscy idą do domu, lampy
gasną, a szklany dom jest cichy. Wszyscy moglibyśmy się czegoś nauczyć od tej cierpliwości, także
wtedy, gdy jest mało czasu.
w i z na do się nie że to jest o jak za od po co ale przez są dla jego być tym czy już tak tylko
które który ma było jej ich był może bardzo jeszcze lub oraz przed kiedy także pod tego nich
""",
    "cs": """
Ráno prochází zahradnice skleníkem a prohlíží si každou rostlinu. Ví, že některé z nich přišly
zdaleka, kde je teplo a kde často prší. Když jsou listy žluté, potřebují více světla, a když je půda
suchá, potřebují vodu. Večer si zapisuje, co viděla, protože zítra by chtěla vědět, které rostliny
vyrostly. Její děti se jí ptají, proč kapradiny nemají květy. Jsou mnohem starší než květiny, říká,
a vždycky žily bez nich. Potom jdou všichni domů, lampy zhasnou a skleněný dům je tichý. Všichni
bychom se mohli od této trpělivosti něčemu naučit, i když je málo času.
a v se na je že s z do i o to k ve pro za by ale si po jako od který jsem nebo které jsou až než
byl jeho také podle už co jen jeho další bylo když však ze své při má tak může byla mezi před
""",
    "sk": """
Ráno prechádza záhradníčka skleníkom a prezerá si každú rastlinu. Vie, že niektoré z nich prišli
zďaleka, kde je teplo a kde často prší. Keď sú listy žlté, potrebujú viac svetla, a keď je pôda
suchá, potrebujú vodu. Večer si zapisuje, čo videla, pretože zajtra by chcela vedieť, ktoré rastliny
vyrástli. Jej deti sa jej pýtajú, prečo paprade nemajú kvety. Sú oveľa staršie ako kvetiny, hovorí,
a vždy žili bez nich. Potom idú všetci domov, lampy zhasnú a sklenený dom je tichý. Všetci by sme sa
mohli od tejto trpezlivosti niečo naučiť, aj keď je málo času.
a v sa na je že s z do i o to k vo pre za by ale si po ako od ktorý som alebo ktoré sú až než bol
jeho tiež podľa už čo len ďalší bolo keď však zo svoje pri má tak môže bola medzi pred aj nie
""",
    "hr": """
Ujutro vrtlarica prolazi kroz staklenik i gleda svaku biljku. Zna da su neke od njih došle izdaleka,
gdje je toplo i gdje često pada kiša. Ako su listovi žuti, trebaju više svjetla, a ako je zemlja
suha, trebaju vodu. Navečer zapisuje što je vidjela, jer bi sutra htjela znati koje su biljke
narasle. Njezina je djeca pitaju zašto paprati nemaju cvjetove. One su mnogo starije od cvijeća,
kaže, i uvijek su živjele bez njega. Zatim svi idu kući, svjetiljke se gase i kuća od stakla je
tiha. Svi bismo mogli nešto naučiti od ove strpljivosti, također kada ima malo vremena.
i u je se na da za su od s a koji o ne kao iz to što nije bi te do će koja ili li po biti bio samo
već nakon koje sve ali tako oko kako više jer ako kada prema ima smo bila sam ovo njih gdje
""",
    "lt": """
Rytą sodininkė eina per šiltnamį ir apžiūri kiekvieną augalą. Ji žino, kad kai kurie iš jų atkeliavo
iš toli, kur šilta ir kur dažnai lyja. Jei lapai geltoni, jiems reikia daugiau šviesos, o jei žemė
sausa, jiems reikia vandens. Vakare ji užrašo, ką matė, nes rytoj norėtų žinoti, kurie augalai
užaugo. Jos vaikai klausia jos, kodėl paparčiai neturi žiedų. Jie yra daug senesni už gėles, sako
ji, ir visada gyveno be jų. Paskui visi eina namo, lempos užgęsta, ir stiklo namas nutyla. Mes visi
galėtume ko nors pasimokyti iš šios kantrybės, net kai turime mažai laiko.
ir į kad iš yra su buvo tai ne jis o bet kaip per apie dėl pat už taip ar jo nuo jų mes tik po jau
metų gali man labai dar kuris prie kai būti jei savo mūsų turi iki mano nėra buvo kas arba
""",
    "hu": """
Reggel a kertésznő végigmegy az üvegházon, és megnéz minden növényt. Tudja, hogy némelyikük
messziről jött, ahol meleg van, és ahol gyakran esik az eső. Ha a levelek sárgák, több fényre van
szükségük, és ha a föld száraz, vízre van szükségük. Este leírja, amit látott, mert holnap szeretné
tudni, hogy mely növények nőttek meg. A gyermekei azt kérdezik tőle, miért nincsenek virágai a
páfrányoknak. Sokkal öregebbek, mint a virágok, mondja, és mindig nélkülük éltek. Aztán mindenki
hazamegy, a lámpák kialszanak, és az üvegből való ház csendes. Mindnyájan tanulhatnánk valamit
ebből a türelemből, akkor is, amikor kevés az idő. a az és hogy nem is egy ez volt de meg el csak
már még van ki vagy mint azt kell ha lehet ezt nagy mert után minden így be én fel volna aki ami
pedig sem olyan most több két majd lesz szerint
""",
    "ro": """
Dimineața grădinăreasa trece prin seră și se uită la fiecare plantă. Ea știe că unele dintre ele au
venit de foarte departe, unde este cald și unde plouă des. Dacă frunzele sunt galbene, au nevoie de
mai multă lumină, iar dacă pământul este uscat, au nevoie de apă. Seara scrie ce a văzut, pentru că
mâine ar vrea să știe ce plante au crescut. Copiii ei o întreabă de ce ferigile nu au flori. Sunt
mult mai bătrâne decât florile, spune ea, și au trăit mereu fără ele. Apoi toți merg acasă, lămpile
se sting și casa de sticlă este liniștită. Noi toți am putea învăța ceva din această răbdare.
de și în a la cu că nu o un pe din care se mai este să pentru au fost ce sau dar ca lor după prin
sunt am fi lui era acest această cei al ale când foarte doar poate fără între până unei iar vor
""",
    "tr": """
Sabahleyin bahçıvan seranın içinden geçer ve her bitkiye bakar. Bazılarının çok uzaklardan, havanın
sıcak olduğu ve sık sık yağmur yağdığı yerlerden geldiğini bilir. Yapraklar sarıysa daha çok ışığa
ihtiyaçları vardır, toprak kuruysa suya ihtiyaçları vardır. Akşam gördüklerini yazar, çünkü yarın
hangi bitkilerin büyüdüğünü bilmek ister. Çocukları ona eğrelti otlarının neden çiçeği olmadığını
sorarlar. Onlar çiçeklerden çok daha eskidir, der, ve her zaman onlarsız yaşamışlardır. Sonra herkes
evine gider, lambalar söner ve camdan ev sessiz kalır. Hepimiz bu sabırdan bir şey öğrenebiliriz.
ve bir bu da için de çok ile olarak daha o gibi olan kadar sonra en ama değil ne var her ben olduğu
ise ya ki göre onun yok mi zaman ilk iki bunu şey diye önce tarafından yeni oldu biz hiç onu
""",
    "id": """
Pada pagi hari tukang kebun berjalan melalui rumah kaca dan melihat setiap tanaman. Dia tahu bahwa
beberapa di antaranya datang dari tempat yang jauh, di mana udaranya hangat dan sering turun hujan.
Jika daunnya kuning, mereka membutuhkan lebih banyak cahaya, dan jika tanahnya kering, mereka
membutuhkan air. Pada malam hari dia menulis apa yang telah dilihatnya, karena besok dia ingin tahu
tanaman mana yang sudah tumbuh. Anak-anaknya bertanya kepadanya mengapa pakis tidak berbunga. Mereka
jauh lebih tua daripada bunga, katanya, dan selalu hidup tanpa bunga. Lalu semua orang pulang, lampu
dipadamkan, dan rumah dari kaca itu sunyi. Kita semua dapat belajar sesuatu dari kesabaran ini.
yang dan di itu dengan untuk tidak ini dari dalam akan pada juga saya ke karena tersebut bisa ada
mereka lebih kata tahun sudah atau saat oleh menjadi orang ia telah adalah seperti sebagai bahwa
""",
    "vi": """
Buổi sáng người làm vườn đi qua nhà kính và ngắm từng cây. Bà biết rằng một số cây đã đến từ nơi rất
xa, nơi trời ấm và thường có mưa. Nếu lá vàng, chúng cần nhiều ánh sáng hơn, và nếu đất khô, chúng
cần nước. Buổi tối bà ghi lại những gì đã thấy, vì ngày mai bà muốn biết cây nào đã lớn lên. Các con
hỏi bà tại sao cây dương xỉ không có hoa. Chúng già hơn hoa rất nhiều, bà nói, và chúng luôn sống mà
không có hoa. Rồi mọi người về nhà, đèn tắt, và ngôi nhà bằng kính yên lặng. Tất cả chúng ta có thể
học được điều gì đó từ sự kiên nhẫn này, ngay cả khi có ít thời gian.
và của là có không trong cho được với một các người những để đã này khi từ đó ra vào cũng như nhiều
tôi về thì sẽ đến lại nhưng còn ở năm phải hay mà làm trên anh ông theo rất sau nước nếu bị đang
""",
}
