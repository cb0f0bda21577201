import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Security;
import java.security.cert.CertPathValidator;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.text.SimpleDateFormat;
import java.util.Arrays;
import java.util.Date;
import java.util.List;
import java.util.Set;
import java.util.TimeZone;
import java.util.TreeSet;

import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1Primitive;
import org.bouncycastle.asn1.x500.AttributeTypeAndValue;
import org.bouncycastle.asn1.x500.RDN;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.crypto.engines.SM2Engine;
import org.bouncycastle.crypto.engines.SM4Engine;
import org.bouncycastle.crypto.params.ECDomainParameters;
import org.bouncycastle.crypto.params.ECPrivateKeyParameters;
import org.bouncycastle.crypto.params.KeyParameter;
import org.bouncycastle.asn1.ASN1BitString;
import org.bouncycastle.asn1.ASN1Integer;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.ASN1Sequence;
import org.bouncycastle.asn1.gm.GMNamedCurves;
import org.bouncycastle.asn1.x9.X9ECParameters;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.pkcs.PKCS10CertificationRequest;
import org.bouncycastle.util.BigIntegers;
import org.bouncycastle.util.encoders.Hex;

/**
 * Reads what the authority made with somebody else's code and prints what it
 * found, one "name = value" a line. The folder holds root.cer, ca.cer,
 * sign.cer, enc.cer, request.p10, envelope.der and signing.key (the signing
 * key's D in hex), all DER but the last. Of a single certificate there is no
 * enc.cer, envelope.der and signing.key. An exception ends it with an error.
 */
public class Check {
    static Path dir;

    public static void main(String[] args) throws Exception {
        dir = Path.of(args[0]);
        Security.addProvider(new BouncyCastleProvider());
        certificate("sign");
        path("sign");
        request();
        if (Files.exists(dir.resolve("enc.cer"))) {
            certificate("enc");
            path("enc");
            envelope();
        }
    }

    static byte[] read(String name) throws Exception {
        return Files.readAllBytes(dir.resolve(name));
    }

    static X509Certificate x509(String name) throws Exception {
        CertificateFactory f = CertificateFactory.getInstance("X.509", "BC");
        return (X509Certificate) f.generateCertificate(new ByteArrayInputStream(read(name + ".cer")));
    }

    static void say(String name, Object value) {
        System.out.println(name + " = " + value);
    }

    /** The whole path, by BC's PKIX validator, at a moment within the validity. */
    static void path(String name) throws Exception {
        X509Certificate leaf = x509(name);
        CertificateFactory f = CertificateFactory.getInstance("X.509", "BC");
        PKIXParameters p = new PKIXParameters(Set.of(new TrustAnchor(x509("root"), null)));
        p.setRevocationEnabled(false);
        p.setDate(new Date((leaf.getNotBefore().getTime() + leaf.getNotAfter().getTime()) / 2));
        CertPathValidator.getInstance("PKIX", "BC").validate(f.generateCertPath(List.of(leaf, x509("ca"))), p);
        say(name + ".path", "valid");
    }

    static void certificate(String name) throws Exception {
        X509CertificateHolder c = new X509CertificateHolder(read(name + ".cer"));
        say(name + ".version", c.getVersionNumber());
        say(name + ".serial", c.getSerialNumber().toString(16));
        say(name + ".signature", c.getSignatureAlgorithm().getAlgorithm()
            + (c.getSignatureAlgorithm().getParameters() == null ? "" : " with parameters"));
        say(name + ".key", c.getSubjectPublicKeyInfo().getAlgorithm().getAlgorithm() + " "
            + c.getSubjectPublicKeyInfo().getAlgorithm().getParameters());
        SimpleDateFormat utc = new SimpleDateFormat("yyyy-MM-dd'T'HH:mm:ss'Z'");
        utc.setTimeZone(TimeZone.getTimeZone("UTC"));
        say(name + ".not-before", utc.format(c.getNotBefore()));
        say(name + ".not-after", utc.format(c.getNotAfter()));
        say(name + ".subject", c.getSubject());
        say(name + ".subject-encodings", encodings(c.getSubject()));
        say(name + ".issuer-encodings", encodings(c.getIssuer()));
        boolean[] bits = x509(name).getKeyUsage();
        TreeSet<Integer> usage = new TreeSet<>();
        for (int i = 0; i < bits.length; i++) {
            if (bits[i]) usage.add(i);
        }
        say(name + ".key-usage", usage);
        TreeSet<String> critical = new TreeSet<>(), others = new TreeSet<>();
        for (Object oid : c.getExtensions().getExtensionOIDs()) {
            Extension e = c.getExtensions().getExtension((org.bouncycastle.asn1.ASN1ObjectIdentifier) oid);
            e.getParsedValue(); // DER all the way down
            (e.isCritical() ? critical : others).add(e.getExtnId().getId());
        }
        say(name + ".critical", critical);
        say(name + ".not-critical", others);
        say(name + ".ca", x509(name).getBasicConstraints() >= 0);
        say(name + ".der", Arrays.equals(c.toASN1Structure().getEncoded("DER"), read(name + ".cer")));
    }

    /** The ASN.1 type of every attribute value of a name, in order. */
    static String encodings(X500Name name) {
        StringBuilder s = new StringBuilder();
        for (RDN rdn : name.getRDNs()) {
            for (AttributeTypeAndValue a : rdn.getTypesAndValues()) {
                ASN1Encodable v = a.getValue();
                s.append(s.length() == 0 ? "" : " ").append(a.getType()).append(':').append(v.getClass().getSimpleName());
            }
        }
        return s.toString();
    }

    static void request() throws Exception {
        PKCS10CertificationRequest r = new PKCS10CertificationRequest(read("request.p10"));
        boolean good = r.isSignatureValid(new JcaContentVerifierProviderBuilder().setProvider("BC").build(r.getSubjectPublicKeyInfo()));
        say("request.signature", good ? "valid" : "WRONG");
        say("request.key", Arrays.equals(r.getSubjectPublicKeyInfo().getEncoded(),
            new X509CertificateHolder(read("sign.cer")).getSubjectPublicKeyInfo().getEncoded())
                ? "the certificate's" : "ANOTHER");
    }

    /** SM2EnvelopedKey (GB/T 35276) opened with the signing key, by hand over BC's engines. */
    static void envelope() throws Exception {
        X9ECParameters x9 = GMNamedCurves.getByName("sm2p256v1");
        ECDomainParameters curve = new ECDomainParameters(x9.getCurve(), x9.getG(), x9.getN(), x9.getH());
        ECPrivateKeyParameters signing = new ECPrivateKeyParameters(
            new java.math.BigInteger(Files.readString(dir.resolve("signing.key")).trim(), 16), curve);

        ASN1Sequence e = ASN1Sequence.getInstance(ASN1Primitive.fromByteArray(read("envelope.der")));
        say("envelope.algorithm", ASN1Sequence.getInstance(e.getObjectAt(0)).getObjectAt(0));
        ASN1Sequence cipher = ASN1Sequence.getInstance(e.getObjectAt(1));
        byte[] c1 = new byte[65];
        c1[0] = 4;
        System.arraycopy(BigIntegers.asUnsignedByteArray(32, ASN1Integer.getInstance(cipher.getObjectAt(0)).getValue()), 0, c1, 1, 32);
        System.arraycopy(BigIntegers.asUnsignedByteArray(32, ASN1Integer.getInstance(cipher.getObjectAt(1)).getValue()), 0, c1, 33, 32);
        byte[] c3 = ASN1OctetString.getInstance(cipher.getObjectAt(2)).getOctets();
        byte[] c2 = ASN1OctetString.getInstance(cipher.getObjectAt(3)).getOctets();
        byte[] all = org.bouncycastle.util.Arrays.concatenate(c1, c3, c2);
        SM2Engine sm2 = new SM2Engine(SM2Engine.Mode.C1C3C2);
        sm2.init(false, signing);
        byte[] key = sm2.processBlock(all, 0, all.length);

        SM4Engine sm4 = new SM4Engine();
        sm4.init(false, new KeyParameter(key));
        byte[] wrapped = ASN1BitString.getInstance(e.getObjectAt(3)).getOctets();
        byte[] d = new byte[wrapped.length];
        for (int i = 0; i < wrapped.length; i += 16) sm4.processBlock(wrapped, i, d, i);

        byte[] point = x9.getG().multiply(new java.math.BigInteger(1, d)).normalize().getEncoded(false);
        byte[] certified = new X509CertificateHolder(read("enc.cer")).getSubjectPublicKeyInfo().getPublicKeyData().getOctets();
        byte[] named = ASN1BitString.getInstance(e.getObjectAt(2)).getOctets();
        say("envelope.length", d.length);
        say("envelope.key", Arrays.equals(point, certified) && Arrays.equals(point, named)
            ? "the encryption certificate's" : "ANOTHER " + Hex.toHexString(point));
    }
}
